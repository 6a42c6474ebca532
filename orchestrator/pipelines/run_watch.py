"""What a run and the beat thread tell one another: progress up; stop, lost, late or shutting down the other way."""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.domain.errors import StageTimeout
from orchestrator.domain.task import Progress, Run
from orchestrator.pipelines.pipeline import CancelToken
from orchestrator.pipelines.run_log import RunLog
from orchestrator.ports.claims import Beat, Verdict
from orchestrator.ports.clock import Clock

NEWS_EVERY_S = 0.5
LOOKS_EVERY_S = 0.25  # whether it must end, while it waits
GRAIN_S = 0.05  # by so much may clocks differ about when a time is over


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
    """One run, seen from its own thread and from the beat thread. The first ending stands.

    ``wake`` is called when there is news that may leave at once, by the clock ``now_s``.
    """

    def __init__(
        self,
        run: Run,
        *,
        budget: Budget | None = None,
        now_s: Callable[[], float] = time.monotonic,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self.run = run
        self.log = RunLog(now_s, self._tell_news)
        self.cancel = CancelToken()
        self.timeout = StageTimeout()
        self.took_s: dict[str, float] = {}  # by stage
        self.waited_s = 0.0  # for room
        self.must_leave_s: float | None = None
        self._budget = budget
        self._stage_budget: Budget | None = None
        self._lock = threading.Lock()
        self._progress: Progress | None = None
        self._ending: Ending | None = None
        self._beaten = threading.Event()
        self.now_s = now_s
        self._wake = wake
        self._beat_due_s = self._news_due_s = now_s()

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
        budget = self._tightest()
        if budget is not None and now_s >= budget.ends_s:
            self.timeout = budget.error
            self.end(Ending.TIMEOUT)
            self.leave_at(now_s)

    def left_s(self) -> float:
        """How much longer the run, or its present stage, may take; without a budget for ever."""
        budget = self._tightest()
        return math.inf if budget is None else max(0.0, budget.ends_s - self.now_s())

    def raise_if_late(self, cause: StageTimeout) -> None:
        """Called by the run: what has not come in time is late for it, too, if its own time is over."""
        budget = self._tightest()
        if budget is not None and self.now_s() >= budget.ends_s - GRAIN_S:
            raise budget.error from cause

    def pause(self, seconds: float, clock: Clock) -> None:
        """Called by the run: it waits for room that others have. Nobody pays for that.

        Raises:
            RunCanceled: it must end.
        """
        left_s = seconds
        while left_s > 0:
            self.cancel.raise_if_canceled()
            clock.pause(min(left_s, LOOKS_EVERY_S))
            left_s -= LOOKS_EVERY_S
        self.waited_s += seconds
        self.cancel.raise_if_canceled()

    def leave_at(self, now_s: float) -> None:
        """From now on the run's thread should be on its way back; only the first call counts."""
        if self.must_leave_s is None:
            self.must_leave_s = now_s

    def report(self, progress: Progress) -> None:
        """Called by the run, as often as it likes: the next beat takes the latest."""
        with self._lock:
            self._progress = progress
        self._tell_news()

    def next_beat_s(self, now_s: float) -> float:
        """When it should beat: as the period wants it, or sooner for news, which leaves at most twice a second."""
        has_news = self._progress is not None or self.log.has_unheard
        if has_news or now_s < self._news_due_s:
            return min(self._news_due_s, self._beat_due_s)
        return self._beat_due_s

    def joins(self, now_s: float, *, early_s: float) -> bool:
        """Whether it beats along with another now, so much earlier than the period wants it."""
        return self._beat_due_s <= now_s + early_s or self.next_beat_s(now_s) <= now_s

    def take_beat(self, period_s: float) -> Beat:
        """The sign of life to send now, with what was reported and said since the last one."""
        now_s, lines = self.now_s(), self.log.unheard()
        with self._lock:
            progress, self._progress = self._progress, None
        self._beat_due_s = now_s + period_s
        if (
            progress or lines or not self._beaten.is_set()
        ):  # the first one: a short run has ended before its news leaves
            self._news_due_s = now_s + NEWS_EVERY_S
        return Beat(self.run, progress, lines)

    def take_back(self, beat: Beat) -> None:
        """Nobody heard it: the next one says the same, or what is newer."""
        with self._lock:
            self._progress = self._progress or beat.progress

    def _tightest(self) -> Budget | None:
        budgets = [budget for budget in (self._budget, self._stage_budget) if budget is not None]
        return min(budgets, key=lambda budget: budget.ends_s, default=None)

    def _tell_news(self) -> None:
        if self.now_s() >= self._news_due_s:
            self._wake()

    def end(self, ending: Ending) -> None:
        """Make the run stop what it does; requests in flight are cancelled. Only *lost* replaces an earlier ending."""
        with self._lock:
            if self._ending is None or ending is Ending.LOST:
                self._ending = ending
        self._beaten.set()
        self.cancel.cancel()

    def hear(self, verdict: Verdict, beat: Beat) -> None:
        """Called by the beat thread with the store's answer."""
        self.log.heard(beat.lines)
        if verdict is Verdict.STOP:
            self.end(Ending.STOP)
        elif verdict is Verdict.LOST:
            self.end(Ending.LOST)
        self._beaten.set()

    def await_first_beat(self, timeout_s: float) -> bool:
        """Whether the store has heard of the run: nothing may be done before."""
        return self._beaten.wait(timeout_s)
