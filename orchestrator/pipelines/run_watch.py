"""What a run and the beat thread tell one another: progress up; stop, lost, late or shutting down the other way."""

import threading
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.domain.errors import StageTimeout
from orchestrator.domain.task import Progress, Run
from orchestrator.pipelines.pipeline import CancelToken
from orchestrator.ports.claims import Verdict


class Ending(StrEnum):
    """Why a run must end before its work is done."""

    STOP = "stop"
    LOST = "lost"
    RELEASE = "release"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Budget:
    """When a run, or a stage of it, must be over, and what it fails with if it is not."""

    ends_s: float
    error: StageTimeout


class RunWatch:
    """One run, seen from its own thread and from the beat thread. The first ending stands."""

    def __init__(self, run: Run, *, budget: Budget | None = None) -> None:
        self.run = run
        self.cancel = CancelToken()
        self.timeout = StageTimeout()
        self.must_leave_s: float | None = None
        self._budget = budget
        self._stage_budget: Budget | None = None
        self._lock = threading.Lock()
        self._progress: Progress | None = None
        self._ending: Ending | None = None
        self._beaten = threading.Event()

    @property
    def ending(self) -> Ending | None:
        return self._ending

    @property
    def is_lost(self) -> bool:
        return self._ending is Ending.LOST

    def allow(self, budget: Budget | None) -> None:
        """Called by the run: what its present stage may take; None between stages."""
        self._stage_budget = budget

    def end_if_late(self, now_s: float) -> None:
        """End the run with a timeout when it, or its stage, has taken too long."""
        for budget in (self._budget, self._stage_budget):
            if budget is not None and now_s >= budget.ends_s:
                self.timeout = budget.error
                self.end(Ending.TIMEOUT)
                self.leave_at(now_s)
                return

    def leave_at(self, now_s: float) -> None:
        """From now on the run's thread should be on its way back; only the first call counts."""
        if self.must_leave_s is None:
            self.must_leave_s = now_s

    def report(self, progress: Progress) -> None:
        """Called by the run, as often as it likes: the next beat takes the latest."""
        with self._lock:
            self._progress = progress

    def take_progress(self) -> Progress | None:
        """What was reported since the last call."""
        with self._lock:
            progress, self._progress = self._progress, None
        return progress

    def end(self, ending: Ending) -> None:
        """Make the run stop what it does; requests in flight are cancelled. Only *lost* replaces an earlier ending."""
        with self._lock:
            if self._ending is None or ending is Ending.LOST:
                self._ending = ending
        self._beaten.set()
        self.cancel.cancel()

    def hear(self, verdict: Verdict) -> None:
        """Called by the beat thread with the store's answer."""
        if verdict is Verdict.STOP:
            self.end(Ending.STOP)
        elif verdict is Verdict.LOST:
            self.end(Ending.LOST)
        self._beaten.set()

    def await_first_beat(self, timeout_s: float) -> bool:
        """Whether the store has heard of the run: nothing may be done before."""
        return self._beaten.wait(timeout_s)
