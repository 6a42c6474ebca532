"""What a run and the beat thread tell one another: progress up; stop, lost, late or shutting down the other way."""

import threading
from enum import StrEnum

from orchestrator.domain.task import Progress, Run
from orchestrator.pipelines.pipeline import CancelToken
from orchestrator.ports.claims import Verdict


class Ending(StrEnum):
    """Why a run must end before its work is done."""

    STOP = "stop"
    LOST = "lost"
    RELEASE = "release"
    TIMEOUT = "timeout"


class RunWatch:
    """One run, seen from its own thread and from the beat thread. The first ending stands."""

    def __init__(self, run: Run, *, deadline_s: float | None = None) -> None:
        self.run = run
        self.deadline_s = deadline_s
        self.cancel = CancelToken()
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
