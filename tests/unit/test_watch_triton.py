"""`WatchTriton`: who does not answer is ill, a dead process is replaced, a hang is ended; nobody's own word counts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest
from fakes_engine import FakeControl, FakeEngine
from fakes_residency import FakeResidency
from fakes_warden import FakeWarden
from prometheus_client import CollectorRegistry
from run_room import HandClock

from orchestrator.domain.errors import Category, OrchestratorError, Overloaded, Refused, Unavailable
from orchestrator.domain.model import Instance, Resident, ResidentState
from orchestrator.domain.stall import StallRule
from orchestrator.pipelines.zeros import zero_request
from orchestrator.ports.inference import Tensors
from orchestrator.ports.model_figures import Figures
from orchestrator.services.residency.watch_triton import WatchedServer, WatchRules, WatchTriton
from orchestrator.telemetry import build_watch_metrics

ADDRESS = "gpu:8001"
EVERY_S, STALLED_S, STARTS_S = 15.0, 60.0, 300.0
CONFIG = {
    "max_batch_size": 4,
    "input": [
        {"name": "image", "data_type": "TYPE_UINT8", "dims": ["3", "-1", "-1"]},
        {"name": "text", "data_type": "TYPE_STRING", "dims": [1]},
    ],
    "output": [{"name": "answer"}],
}


def dead() -> OrchestratorError:
    return Unavailable("its process has died", service="triton", category=Category.MODEL_UNAVAILABLE)


@dataclass
class Room:
    """A server with `echo` and `upscale`, which fail as ``failures`` says, and whoever watches it."""

    failures: dict[str, OrchestratorError] = field(default_factory=dict)
    figures: dict[str, Figures] = field(default_factory=dict)
    loads_heal: bool = True
    asked: list[str] = field(default_factory=list)
    reloads: list[str] = field(default_factory=list)
    clock: HandClock = field(default_factory=HandClock)
    warden: FakeWarden = field(default_factory=FakeWarden)
    residency: FakeResidency = field(default_factory=FakeResidency)

    def __post_init__(self) -> None:
        self.engine = FakeEngine({name: partial(self._compute, name) for name in ("echo", "upscale")})
        self.control = Control(self, {"echo": "READY", "upscale": "READY"})
        self.residency.note_instance(Instance(ADDRESS))
        for name in ("echo", "upscale"):
            self.residency.note(ADDRESS, Resident(name, ResidentState.READY))
        server = WatchedServer(ADDRESS, self.engine, self.control, Counts(self.figures), self.warden)
        rules = WatchRules(EVERY_S, canary_within_s=0.05, starts_within_s=STARTS_S)
        metrics = build_watch_metrics(CollectorRegistry())
        self.watch = WatchTriton(server, self.residency, rules, StallRule(STALLED_S), self.clock, metrics)

    def _compute(self, name: str, _inputs: Tensors) -> Tensors:
        self.asked.append(name)
        if name in self.failures:
            raise self.failures[name]
        return {"answer": np.zeros(1, np.uint8)}

    def tick(self, *, after_s: float = 0.0) -> None:
        self.clock.now_s += after_s
        self.watch.tick()

    @property
    def illness(self) -> str:
        """Why it is not asked; empty when it is well."""
        (instance,) = self.residency.instances()
        return instance.reason


@dataclass
class Control(FakeControl):
    """A reload heals, unless the room says that it does not."""

    def __init__(self, room: Room, states: dict[str, str]) -> None:
        super().__init__(states)
        self._room = room

    def config(self, model: str) -> str:
        self._answer()
        return json.dumps({**CONFIG, "name": model})

    def reload(self, model: str) -> None:
        if not self._room.loads_heal:
            raise Refused("broken", service="triton", category=Category.INTERNAL)
        states = {each.release: each.state for each in self._room.residency.instances()[0].residents}
        assert states[model] is ResidentState.LOADING  # nobody is sent there meanwhile
        self._room.reloads.append(model)
        del self._room.failures[model]


@dataclass
class Counts:
    """What the server counts."""

    figures: Mapping[str, Figures]

    def read(self) -> Mapping[str, Figures]:
        return dict(self.figures)


@pytest.fixture
def room() -> Room:
    return Room()


def test_who_answers_is_well_and_asked_again_after_a_while(room: Room) -> None:
    room.tick()
    room.tick(after_s=EVERY_S - 1)
    assert (room.asked, room.illness) == (["echo"], "")
    room.tick(after_s=1)
    assert room.asked == ["echo", "echo"]


@pytest.mark.parametrize("answer", [Overloaded("full"), Refused("no", service="triton", category=Category.INTERNAL)])
def test_who_says_no_is_alive(room: Room, answer: OrchestratorError) -> None:
    room.failures["echo"] = answer
    room.tick()
    assert room.illness == ""


def test_who_does_not_answer_twice_is_ill_at_once_and_well_as_soon_as_it_answers(room: Room) -> None:
    room.engine.stall("echo")
    room.tick()
    assert "silent" in room.illness
    room.engine.resume("echo")
    room.tick(after_s=1)
    assert (room.illness, room.warden.restarts) == ("", [])


def test_a_hang_is_ended_after_the_time_of_a_canary_and_not_again_before_it_had_time_to_start(room: Room) -> None:
    room.engine.stall("echo")
    room.tick()
    room.tick(after_s=EVERY_S - 1)
    assert room.warden.restarts == []
    room.tick(after_s=1)
    assert len(room.warden.restarts) == 1
    room.tick(after_s=STARTS_S - 1)
    assert len(room.warden.restarts) == 1
    room.tick(after_s=1)
    assert len(room.warden.restarts) == 2


def test_one_that_is_away_is_given_the_time_to_start(room: Room) -> None:
    room.control.away = True
    room.tick()
    assert "away" in room.illness
    room.tick(after_s=STARTS_S - 1)
    assert room.warden.restarts == []
    room.tick(after_s=1)
    assert len(room.warden.restarts) == 1


def test_a_canary_whose_process_has_died_is_loaded_anew(room: Room) -> None:
    room.failures["echo"] = dead()
    room.tick()
    assert (room.reloads, room.illness) == (["echo"], "")
    assert all(each.state is ResidentState.READY for each in room.residency.instances()[0].residents)


def test_a_model_of_which_requests_fail_and_none_is_executed_is_asked_and_loaded_anew(room: Room) -> None:
    room.figures["upscale"] = Figures(executions=7)
    room.tick()
    room.failures["upscale"] = dead()
    room.figures["upscale"] = Figures(executions=7, failed=2)
    room.tick(after_s=EVERY_S)
    assert room.reloads == ["upscale"]
    assert room.illness == ""


def test_requests_that_fail_beside_others_that_do_not_are_the_requests_fault(room: Room) -> None:
    room.figures["upscale"] = Figures(executions=7)
    room.tick()
    room.figures["upscale"] = Figures(executions=8, failed=2)
    room.tick(after_s=EVERY_S)
    assert room.asked == ["echo", "echo"]


def test_what_cannot_be_loaded_anew_has_the_server_restarted(room: Room) -> None:
    room.failures["echo"], room.loads_heal = dead(), False
    room.tick()
    assert "dead" in room.illness
    assert len(room.warden.restarts) == 1


def test_what_shall_not_be_served_is_not_missed(room: Room) -> None:
    room.failures["echo"] = dead()
    room.control.states["echo"] = "UNAVAILABLE"
    room.tick()
    assert (room.reloads, room.illness) == ([], "")


def test_what_its_owner_is_moving_is_left_alone(room: Room) -> None:
    room.failures["echo"] = dead()
    room.residency.note(ADDRESS, Resident("echo", ResidentState.UNLOADING))
    room.tick()
    assert (room.reloads, room.illness) == ([], "")


def test_what_waits_while_nothing_is_executed_has_stalled_and_the_server_is_restarted(room: Room) -> None:
    room.figures["upscale"] = Figures(executions=7, pending=3)
    for _ in range(4):
        room.tick(after_s=EVERY_S)
    assert room.warden.restarts == []
    room.tick(after_s=EVERY_S)
    assert room.warden.restarts == ["upscale has stalled"]
    assert room.illness == "upscale has stalled"


def test_what_its_queue_gives_up_was_waited_for(room: Room) -> None:
    for rejected in range(6):
        room.figures["upscale"] = Figures(executions=7, rejected=rejected)
        room.tick(after_s=EVERY_S)
    assert room.warden.restarts == ["upscale has stalled"]


def test_what_is_executed_now_and_then_has_not_stalled(room: Room) -> None:
    for executions in range(10):
        room.figures["upscale"] = Figures(executions=executions, pending=3)
        room.tick(after_s=EVERY_S)
    assert (room.warden.restarts, room.illness) == ([], "")


def test_what_nobody_waits_for_has_not_stalled(room: Room) -> None:
    room.figures["upscale"] = Figures(executions=7)
    for _ in range(10):
        room.tick(after_s=EVERY_S)
    assert (room.warden.restarts, room.illness) == ([], "")


def test_a_request_of_zeros_has_the_shape_of_the_configuration() -> None:
    inputs, outputs = zero_request(json.dumps(CONFIG))
    assert {name: (array.shape, array.dtype.kind) for name, array in inputs.items()} == {
        "image": ((1, 3, 1, 1), "u"),
        "text": ((1, 1), "O"),
    }
    assert outputs == ("answer",)
