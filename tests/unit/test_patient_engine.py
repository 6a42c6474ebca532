"""`PatientEngine`: a full queue is waited for inside the run, with jitter and an ear for its ending."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from fakes_engine import FakeEngine, FakeInference
from run_room import HandClock, nothing
from running_task import RUN

from orchestrator.domain.errors import Overloaded, RunCanceled
from orchestrator.pipelines.patient_engine import PAUSES, WAITS_S, Patience, PatientEngine
from orchestrator.pipelines.run_watch import LOOKS_EVERY_S, Ending, RunWatch
from orchestrator.ports.inference import Inference, Tensors

ASKED = {"x": np.ones(1)}


@dataclass
class Room:
    """One run before a model whose queue is full as long as ``is_full`` says so."""

    is_full: Callable[[], bool] = lambda: True
    clock: HandClock = field(default_factory=HandClock)
    asked_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.watch = RunWatch(RUN, now_s=self.clock.monotonic_s)
        self.fake = FakeEngine({"echo": self.answer})
        self.engine = PatientEngine(self.fake, Patience(self.watch, self.clock))

    def answer(self, inputs: Tensors) -> Tensors:
        self.asked_s.append(self.clock.now_s)
        if self.is_full():
            raise Overloaded("the model's queue is full")
        return inputs

    def submit(self) -> Inference:
        return self.engine.submit("echo", ASKED, outputs=("x",))

    @property
    def pauses_s(self) -> list[float]:
        return list(np.diff(self.asked_s))


def test_what_finds_room_within_half_a_minute_is_answered_and_nobody_pays_for_the_wait() -> None:
    room = Room(is_full=lambda: room.clock.now_s < 1_020)
    inference = room.submit()
    assert inference.result(1) == ASKED
    assert (inference.version, room.fake.in_flight) == ("1", 0)
    assert room.watch.waited_s == pytest.approx(room.clock.now_s - 1_000)
    assert [line.line.event for line in room.watch.log.unheard()] == ["model.full"]


def test_the_pauses_grow_up_to_a_bound_and_depend_on_chance() -> None:
    room = Room(is_full=lambda: len(room.asked_s) < 12)
    room.submit().result(1)
    assert room.pauses_s == pytest.approx([PAUSES.backoff_s(nth, 0.5) for nth in range(1, 12)])
    assert room.pauses_s[-1] == pytest.approx(PAUSES.cap_s / 2)


def test_half_a_minute_without_an_answer_puts_the_task_off() -> None:
    room = Room()
    with pytest.raises(Overloaded):
        room.submit().result(1)
    assert room.clock.now_s == pytest.approx(1_000 + WAITS_S)
    assert room.asked_s[-1] == pytest.approx(1_000 + WAITS_S), "it is asked a last time at the end"


def test_an_answer_to_another_request_of_the_run_begins_the_half_minute_anew() -> None:
    room = Room(is_full=lambda: len(room.asked_s) != 1)
    first, second = room.submit(), room.submit()
    room.clock.now_s += WAITS_S
    first.result(1)
    with pytest.raises(Overloaded):
        second.result(1)
    assert room.clock.now_s == pytest.approx(1_000 + 2 * WAITS_S)


@pytest.mark.parametrize("ending", [Ending.STOP, Ending.LOST, Ending.RELEASE, Ending.TIMEOUT])
def test_whatever_ends_the_run_ends_the_wait(ending: Ending) -> None:
    room = Room()

    def end() -> None:
        room.clock.in_pause = nothing
        room.watch.end(ending)

    room.clock.in_pause = end
    with pytest.raises(RunCanceled):
        room.submit().result(1)
    assert room.clock.now_s <= 1_000 + LOOKS_EVERY_S
    assert len(room.asked_s) == 1


def test_a_cancel_while_it_is_sent_again_reaches_the_new_request() -> None:
    room = Room(is_full=lambda: not room.watch.cancel.is_canceled)

    class Stopping(FakeEngine):
        """The run is stopped while its second request goes out."""

        def submit(self, *asked: Any, **how: Any) -> FakeInference:  # noqa: ANN401 - as it is called
            if self.allowed_s:
                room.watch.end(Ending.STOP)
            return super().submit(*asked, **how)

    stopping = Stopping({"echo": room.answer})
    with pytest.raises(RunCanceled):
        PatientEngine(stopping, Patience(room.watch, room.clock)).submit("echo", ASKED, outputs=("x",)).result(1)
    assert (len(stopping.allowed_s), len(room.asked_s), stopping.in_flight) == (2, 1, 0)
