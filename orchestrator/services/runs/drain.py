"""Drain: what a pulse starts. A child claims and runs until its lane has nothing left for it."""

import threading
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Self

import structlog

from orchestrator.domain.errors import OrchestratorError
from orchestrator.domain.lane import is_solo, solo_lane
from orchestrator.domain.task import Run
from orchestrator.pipelines.run_watch import Ending
from orchestrator.ports.claims import Claimed, Claims
from orchestrator.ports.clock import Clock
from orchestrator.ports.pulses import PulseSender

log = structlog.get_logger()

NOTHING = Claimed((), more=False)

Work = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Slots:
    """How many runs of a lane one child carries at once, on threads of its own, and when it stops taking more."""

    count: int
    idle_s: float = 1.0
    poll_s: float = 0.1
    gather_s: float = 0.01
    drain_s: float = 25.0
    runs_per_drain: int = 2_000
    yield_after_s: float | None = 30.0

    def alone(self) -> Self:
        """For a task that may take its whole process with it: one run, and then the child is free again."""
        return replace(self, count=1, idle_s=0.0, runs_per_drain=1, yield_after_s=None)


class Busy:
    """The runs that a child carries. Who waits for the last of them is not woken by each."""

    def __init__(self) -> None:
        self.ids: set[str] = set()
        lock = threading.Lock()
        self._freed, self._emptied = threading.Condition(lock), threading.Condition(lock)

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, run_id: str) -> None:
        with self._freed:
            self.ids.add(run_id)

    def discard(self, run_id: str) -> None:
        with self._freed:
            self.ids.discard(run_id)
            self._freed.notify()
            if not self.ids:
                self._emptied.notify()

    def await_fewer(self, than: int, timeout_s: float) -> bool:
        """Whether so few are left before the time is over."""
        with self._freed:
            return self._freed.wait_for(lambda: len(self.ids) < than, timeout_s)

    def await_none(self, timeout_s: float) -> bool:
        """The same for none at all."""
        with self._emptied:
            return self._emptied.wait_for(lambda: not self.ids, timeout_s)


@dataclass(frozen=True, slots=True)
class DrainLane:
    """Claims for its free slots while their neighbours run, so that fetch, infer and store of tasks overlap.

    ``take_up`` is called with what was claimed and says what the work of each run is, for a thread of its own.
    """

    claims: Claims
    pulses: PulseSender
    clock: Clock
    take_up: Callable[[Sequence[Run]], Sequence[Work]]
    end_all: Callable[[Ending], None]
    new_run_id: Callable[[], str]
    is_stopping: Callable[[], bool]
    owner: str
    slots: Slots
    is_spent: Callable[[], bool] = lambda: False
    stuck: AbstractSet[str] = frozenset()

    def drain(self, lane: str) -> int:
        """Run tasks of ``lane`` until it is idle, or this child is told to stop or to yield, or has done its share.

        Of a solo lane that share is one task; a child that is told to yield lets its runs end and then takes that one.
        Returns the number of runs. Runs that a shutdown leaves unfinished after ``drain_s`` are released.
        """
        slots = self.slots.alone() if is_solo(lane) else self.slots
        busy = Busy()
        started, claimed, idle_since = 0, NOTHING, self.clock.monotonic_s()
        pool = ThreadPoolExecutor(slots.count, thread_name_prefix=f"run-{lane}")
        try:
            while not (self._must_end() or claimed.yields) and started < slots.runs_per_drain:
                carried = len(busy)
                # A child that has run nothing yet does not yield: a flood of crashed tasks must not stop their lane.
                yield_after_s = slots.yield_after_s if started else None
                claimed = self._claim(lane, free=slots.count - carried, yield_after_s=yield_after_s)
                if claimed.more:
                    self.pulses.ring(lane)  # before the runs, not after: ringing afterwards wakes one child a second
                for run, work in zip(claimed.runs, self.take_up(claimed.runs), strict=True):
                    busy.add(run.run_id)
                    pool.submit(self._run, run, work, busy=busy)
                started += len(claimed.runs)
                if busy:
                    idle_since = self.clock.monotonic_s()
                elif self.clock.monotonic_s() - idle_since >= slots.idle_s:
                    break
                self._await_slot(busy, carried + len(claimed.runs))
            self._settle(busy)
        finally:
            pool.shutdown(wait=not busy)  # a thread that is stuck would be waited for for ever
        return started + self.drain(solo_lane(lane)) if claimed.yields else started

    def _must_end(self) -> bool:
        return self.is_stopping() or self.is_spent()

    def _claim(self, lane: str, *, free: int, yield_after_s: float | None) -> Claimed:
        if free == 0:
            return NOTHING
        run_ids = [self.new_run_id() for _ in range(free)]
        try:
            return self.claims.claim(lane, self.owner, run_ids=run_ids, yield_after_s=yield_after_s)
        except OrchestratorError as error:
            log.warning("claim.failed", lane=lane, error=str(error))
            return NOTHING

    def _run(self, run: Run, work: Work, *, busy: Busy) -> None:
        try:
            work()
        except Exception:  # nobody asks for the outcome of a thread; the lease lapses
            log.exception("run.escaped", task_id=run.task.id)
        finally:
            busy.discard(run.run_id)

    def _await_slot(self, busy: Busy, carried: int) -> None:
        """Until fewer than ``carried`` runs are left, or it is time to look for work and at the flag again.

        Runs that end at about the same time share one claim: short ones would cost as many claims as runs.
        """
        is_full = carried == self.slots.count
        if busy.await_fewer(carried, self.slots.poll_s * (10 if is_full else 1)):
            busy.await_none(self.slots.gather_s)

    def _settle(self, busy: Busy) -> None:
        """Let the runs end that can; on a shutdown only for ``drain_s``, then release them."""
        deadline_s: float | None = None
        while busy.ids - self.stuck:
            now = self.clock.monotonic_s()
            if self.is_stopping() and deadline_s is None:
                deadline_s = now + self.slots.drain_s
            if deadline_s is not None and now >= deadline_s:
                self.end_all(Ending.RELEASE)
            self._await_slot(busy, len(busy))
