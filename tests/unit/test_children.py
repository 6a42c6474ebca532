"""A child's signs and its parent's patience: who shows, who may be silent, and who is ended."""

import os
from dataclasses import dataclass, field

import pytest
from run_room import HandClock

from orchestrator.adapters.mmap_board import MmapBoard
from orchestrator.domain.owner import Owner
from orchestrator.services.workers.retire import RetireChild
from orchestrator.services.workers.show_signs import STUCK_S, ShowSigns
from orchestrator.services.workers.watch_children import GAP_S, WatchChildren

LEASE_S = 30.0
ME, OTHER = Owner("node-1", 100, 1), Owner("node-1", 200, 2)


@dataclass
class Household:
    """A parent and the board; ``row`` is that of the child whose turn it is to write."""

    clock: HandClock = field(default_factory=HandClock)
    row: int = 0
    alive: set[Owner] = field(default_factory=lambda: {ME, OTHER})
    killed: list[Owner] = field(default_factory=list)
    node: str = "node-1"

    def __post_init__(self) -> None:
        self.board = MmapBoard(self.node, 2, self.clock, row=lambda: self.row)
        self.parent = WatchChildren(self.board, self, self.clock, silent_s=LEASE_S)
        self.signs = ShowSigns(self.board, self.clock, ME)
        self.pass_time(LEASE_S + 1)  # a parent that has just started judges nobody

    def this(self) -> Owner:
        return ME

    def memory_bytes(self) -> int:
        return 0

    def is_alive(self, owner: Owner) -> bool:
        return owner in self.alive

    def kill(self, owner: Owner) -> None:
        self.killed.append(owner)
        self.alive.discard(owner)

    def pass_time(self, seconds: float, *, showing: bool = False) -> None:
        """The parent ticks once a second, and the child signs if it is ``showing``."""
        for _ in range(int(seconds)):
            self.clock.now_s += 1
            if showing:
                self.signs.show()
            self.parent.tick()


@pytest.fixture
def home() -> Household:
    return Household()


class TestBoard:
    def test_every_child_has_a_row_of_its_own(self, home: Household) -> None:
        home.board.show(ME)
        home.row = 1
        home.board.show(OTHER)
        assert {sign.owner for sign in home.board.read()} == {ME, OTHER}
        home.board.rest()
        assert [sign.owner for sign in home.board.read()] == [ME]

    def test_what_a_forked_child_writes_its_parent_reads(self, home: Household) -> None:
        pid = os.fork()
        if pid == 0:
            home.board.show(OTHER)
            os._exit(0)
        os.waitpid(pid, 0)
        assert [(sign.owner, sign.shown_s) for sign in home.board.read()] == [(OTHER, home.clock.now_s)]


class TestRetirement:
    @pytest.mark.parametrize(
        ("runs", "memory_bytes", "stuck", "is_due"),
        [(2, 100, set(), False), (3, 100, set(), True), (0, 101, set(), True), (0, 0, {"run-1"}, True)],
    )
    def test_a_child_goes_after_its_share_of_runs_or_memory_or_with_a_stuck_thread(
        self, runs: int, *, memory_bytes: int, stuck: set[str], is_due: bool
    ) -> None:
        child = RetireChild(3, 100, lambda: memory_bytes, stuck, HandClock())
        for _ in range(runs):
            child.count_run()
        assert child.is_due() is is_due

    def test_its_memory_is_looked_at_once_a_second(self) -> None:
        sizes, clock = [90, 110], HandClock()
        child = RetireChild(3, 100, lambda: sizes.pop(0), set(), clock)
        assert [child.is_due(), child.is_due()] == [False, False]
        clock.now_s += 1
        assert [child.is_due(), child.is_due()] == [True, True]


class TestPatience:
    def test_a_child_that_shows_is_left_alone(self, home: Household) -> None:
        with home.signs.holding_pulse():
            home.pass_time(3 * LEASE_S, showing=True)
        assert home.killed == []

    def test_a_silent_child_is_killed_after_the_lease_and_once(self, home: Household) -> None:
        with home.signs.holding_pulse():
            home.pass_time(LEASE_S - 1)
            assert home.killed == []
            home.pass_time(10)
        assert home.killed == [ME]

    def test_a_child_without_a_pulse_may_be_silent(self, home: Household) -> None:
        with home.signs.holding_pulse():
            pass
        home.pass_time(3 * LEASE_S, showing=True)
        assert home.killed == []

    def test_a_gap_in_the_parents_own_time_is_not_held_against_a_child(self, home: Household) -> None:
        with home.signs.holding_pulse():
            home.clock.now_s += 10 * LEASE_S
            home.pass_time(LEASE_S - 1)
            assert home.killed == []
            home.pass_time(2)
        assert home.killed == [ME]
        assert GAP_S < LEASE_S

    @pytest.mark.parametrize("part", ["drain", "beats"])
    def test_a_part_that_does_not_move_makes_the_child_silent(self, home: Household, part: str) -> None:
        with home.signs.holding_pulse():
            home.signs.note("another")
            home.signs.note(part)
            for _ in range(int(STUCK_S)):
                home.signs.note("another")
                home.pass_time(1, showing=True)
            assert home.killed == []
            home.pass_time(LEASE_S, showing=True)
        assert home.killed == [ME]

    def test_a_new_pulse_begins_with_parts_that_have_not_moved_yet(self, home: Household) -> None:
        with home.signs.holding_pulse():
            home.signs.note("drain")
        home.pass_time(2 * STUCK_S, showing=True)
        with home.signs.holding_pulse():
            home.pass_time(LEASE_S + 1, showing=True)
        assert home.killed == []
