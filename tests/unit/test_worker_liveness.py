"""What a probe says of a worker, and when a worker ends itself because it is deaf."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from run_room import HandClock

from orchestrator.domain.errors import Unavailable
from orchestrator.domain.owner import Owner
from orchestrator.ports.worker_signs import WorkerSign
from orchestrator.services.workers.notice_deafness import NoticeDeafness
from orchestrator.services.workers.tell_worker import SILENT_S, TellWorker, WorkerSilent

PATIENCE = 5


@dataclass
class Board:
    """The signs of a node, in memory."""

    found: dict[Owner, WorkerSign] = field(default_factory=dict)

    def show(self, sign: WorkerSign) -> None:
        self.found[sign.owner] = sign

    def read(self) -> tuple[WorkerSign, ...]:
        return tuple(self.found.values())


def node(*shown_s: float, connecting: bool = False) -> TellWorker:
    """A node at 100 s, with workers 1, 2, 3... that signed at such times."""
    board = Board()
    for pid, at_s in enumerate(shown_s, start=1):
        board.show(WorkerSign(Owner("node", pid, 1), "io", at_s, connecting))
    return TellWorker(board, HandClock(now_s=100.0))


class TestTellWorker:
    def test_one_that_signs_listens(self) -> None:
        assert node(100 - SILENT_S + 0.1).check()

    def test_one_silent_worker_of_several_is_enough(self) -> None:
        with pytest.raises(WorkerSilent):
            node(100.0, 100 - SILENT_S).check()

    def test_each_can_be_asked_for_by_its_pid(self) -> None:
        both = node(100.0, 100 - SILENT_S)
        assert both.check(1)
        with pytest.raises(WorkerSilent):
            both.check(2)

    def test_without_a_worker_nothing_lives(self) -> None:
        with pytest.raises(WorkerSilent):
            node().check()
        with pytest.raises(WorkerSilent):
            node(100.0).check(4711)

    def test_one_that_waits_for_the_broker_may_be_silent_but_does_not_listen(self) -> None:
        assert not node(0.0, connecting=True).check()


@dataclass
class Parent:
    """What a parent sees, tick by tick."""

    pulses: int = 1
    free: bool = True
    ends: int = 0

    def __post_init__(self) -> None:
        self.deafness = NoticeDeafness(lambda: self.pulses, lambda: self.free, self.end, PATIENCE)

    def end(self) -> None:
        self.ends += 1

    def tick(self, times: int) -> None:
        for _ in range(times):
            self.deafness.tick()


def hear(parent: Parent) -> None:
    parent.deafness.hear()


def find_no_pulse(parent: Parent) -> None:
    parent.pulses = 0
    parent.tick(1)
    parent.pulses = 1


def be_busy(parent: Parent) -> None:
    parent.free = False
    parent.tick(1)
    parent.free = True


class TestDeafness:
    def test_one_that_misses_every_pulse_ends_itself_once(self) -> None:
        parent = Parent()
        parent.tick(PATIENCE - 1)
        assert parent.ends == 0
        parent.tick(3 * PATIENCE)
        assert parent.ends == 1

    @pytest.mark.parametrize("excuse", [hear, find_no_pulse, be_busy])
    def test_any_excuse_begins_its_patience_anew(self, excuse: Callable[[Parent], None]) -> None:
        parent = Parent()
        for _ in range(3):
            parent.tick(PATIENCE - 1)
            excuse(parent)
        assert parent.ends == 0

    def test_a_broker_that_does_not_say_is_no_proof(self) -> None:
        def unavailable() -> int:
            raise Unavailable("away", service="broker", category=Unavailable.category)

        parent = Parent()
        deaf = NoticeDeafness(unavailable, lambda: True, parent.end, 1)
        with pytest.raises(Unavailable):
            deaf.tick()
        assert parent.ends == 0
