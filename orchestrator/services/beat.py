"""Beat: one thread per child keeps all its runs alive, carries their progress out and the store's word back in."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from orchestrator.domain.errors import OrchestratorError
from orchestrator.domain.task import Run
from orchestrator.pipelines.run_watch import Ending, RunWatch
from orchestrator.ports.claims import Beat, Claims
from orchestrator.ports.clock import Clock

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class BeatRuns:
    """Every ``period_s``, and at once for a new run, so that its first beat does not wait."""

    claims: Claims
    clock: Clock
    period_s: float = 1.0
    moved: Callable[[], None] = lambda: None
    _watches: dict[str, RunWatch] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _wake: threading.Event = field(default_factory=threading.Event)

    def watch(self, run: Run) -> RunWatch:
        """Keep ``run`` alive until `forget`."""
        limit_s = run.task.run_for_s
        watch = RunWatch(run, deadline_s=None if limit_s is None else self.clock.monotonic_s() + limit_s)
        with self._lock:
            self._watches[run.run_id] = watch
        self._wake.set()
        return watch

    def forget(self, watch: RunWatch) -> None:
        with self._lock:
            self._watches.pop(watch.run.run_id, None)

    def end_all(self, ending: Ending) -> None:
        """End every run of this child, as at the end of a drain."""
        for watch in self._current():
            watch.end(ending)

    def beat_forever(self) -> None:
        """The body of the beat thread; a daemon, it ends with its process."""
        while True:
            self._wake.wait(self.period_s)
            self._wake.clear()
            self.moved()
            try:
                self.beat()
            except Exception:  # a bug here must not end every run of this child
                log.exception("beat.bug")

    def beat(self) -> None:
        """One beat for all runs. A store that does not answer ends no run: it works on until told *lost*."""
        watches = self._current()
        self._end_overdue(watches)
        if not watches:
            return
        try:
            verdicts = self.claims.beat([Beat(watch.run, watch.take_progress()) for watch in watches])
        except OrchestratorError as error:
            log.warning("beat.unheard", runs=len(watches), error=str(error))
            return
        for watch, verdict in zip(watches, verdicts, strict=True):
            watch.hear(verdict)

    def _current(self) -> list[RunWatch]:
        with self._lock:
            return list(self._watches.values())

    def _end_overdue(self, watches: list[RunWatch]) -> None:
        now = self.clock.monotonic_s()
        for watch in watches:
            if watch.deadline_s is not None and now >= watch.deadline_s:
                watch.end(Ending.TIMEOUT)
