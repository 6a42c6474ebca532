"""Beat: one thread per child keeps all its runs alive, carries their progress out and the store's word back in."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from orchestrator.domain.errors import OrchestratorError, StageTimeout
from orchestrator.domain.task import Run
from orchestrator.pipelines.run_watch import Budget, Ending, RunWatch
from orchestrator.ports.claims import Claims
from orchestrator.ports.clock import Clock

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class BeatRuns:
    """Every ``period_s``, and at once for news of a run, at most every half second.

    A beat that goes out takes all along whose own is due within half a period: in the long run that is one call a
    period for all runs of the process.

    A run that was ended and whose thread has not come back after ``patience_s`` is stuck: ``give_up`` commits its
    ending in its stead, and its id stays in ``stuck`` as long as this process lives.
    """

    claims: Claims
    clock: Clock
    period_s: float = 1.0
    moved: Callable[[], None] = lambda: None
    give_up: Callable[[RunWatch], None] = lambda _watch: None
    patience_s: float = 5.0
    stuck: set[str] = field(default_factory=set)
    _watches: dict[str, RunWatch] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _wake: threading.Event = field(default_factory=threading.Event)

    def take_up(self, runs: Sequence[Run]) -> list[RunWatch]:
        """Keep new runs alive until `forget`. Their first beat leaves from here, one for all: no run waits for it."""
        watches = [self.watch(run) for run in runs]
        self._send(watches)
        return watches

    def watch(self, run: Run) -> RunWatch:
        """Keep ``run`` alive until `forget`, from the next beat on."""
        clock_s = self.clock.monotonic_s
        watch = RunWatch(run, budget=self._budget_of(run), now_s=clock_s, wake=self._wake.set)
        with self._lock:
            self._watches[run.run_id] = watch
        return watch

    def forget(self, watch: RunWatch) -> None:
        with self._lock:
            self._watches.pop(watch.run.run_id, None)

    def end_all(self, ending: Ending) -> None:
        """End every run of this child, as at the end of a drain."""
        for watch in self._current():
            watch.end(ending)
            watch.leave_at(self.clock.monotonic_s())

    def beat_forever(self) -> None:
        """The body of the beat thread; a daemon, it ends with its process."""
        while True:
            self._wake.wait(self._pause_s())
            self._wake.clear()
            self.moved()
            try:
                self.beat_due()
            except Exception:  # a bug here must not end every run of this child
                log.exception("beat.bug")

    def beat(self) -> None:
        """One beat for all runs."""
        self._end_overdue()
        self._send(self._current())

    def beat_due(self) -> None:
        """One beat for those whose own is due, and for those to whom it will be soon."""
        self._end_overdue()
        now_s = self.clock.monotonic_s()
        watches = self._current()
        if any(watch.next_beat_s(now_s) <= now_s for watch in watches):
            self._send([watch for watch in watches if watch.joins(now_s, early_s=self.period_s / 2)])

    def _send(self, watches: Sequence[RunWatch]) -> None:
        """A store that does not answer ends no run: it works on until told *lost*."""
        if not watches:
            return
        beats = [watch.take_beat(self.period_s) for watch in watches]
        try:
            verdicts = self.claims.beat(beats)
        except OrchestratorError as error:
            log.warning("beat.unheard", runs=len(watches), error=str(error))
            for watch, beat in zip(watches, beats, strict=True):
                watch.take_back(beat)
            return
        for watch, verdict, beat in zip(watches, verdicts, beats, strict=True):
            watch.hear(verdict, beat)

    def _pause_s(self) -> float:
        now_s = self.clock.monotonic_s()
        due_s = min((watch.next_beat_s(now_s) for watch in self._current()), default=now_s + self.period_s)
        return min(max(0.0, due_s - now_s), self.period_s)

    def _current(self) -> list[RunWatch]:
        with self._lock:
            return list(self._watches.values())

    def _budget_of(self, run: Run) -> Budget | None:
        if run.task.run_for_s is None:
            return None
        error = StageTimeout("the task ran longer than its run_for_s", code="run_for_exceeded")
        return Budget(self.clock.monotonic_s() + run.task.run_for_s, error)

    def _end_overdue(self) -> None:
        now_s = self.clock.monotonic_s()
        for watch in self._current():
            watch.end_if_late(now_s)
            if watch.must_leave_s is not None and now_s >= watch.must_leave_s + self.patience_s:
                self._leave_behind(watch)

    def _leave_behind(self, watch: RunWatch) -> None:
        try:
            self.give_up(watch)
        except OrchestratorError as error:  # the store is away: the next beat says it again
            log.warning("give_up.unheard", task_id=watch.run.task.id, error=str(error))
        else:
            self.stuck.add(watch.run.run_id)
            self.forget(watch)
