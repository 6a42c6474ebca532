"""The life of one part: started, probed until it answers, restarted when it dies or falls silent, stopped."""

import time
from collections import deque
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from orchestrator.local.part import CannotTell, NotReady, Part, Probe
from orchestrator.local.process import Process

PAUSE_FIRST_S, PAUSE_MAX_S = 0.2, 5.0
FAILING_DEATHS, FAILING_WINDOW_S = 5, 60.0
ALIVE_EVERY_S = 1.0
COME_BACK_S = 30.0  # Celery's longest pause between two tries to reach a broker that was away


class State(StrEnum):
    """What a part is doing. A failing one died `FAILING_DEATHS` times within a minute; it is still restarted."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    FAILING = "failing"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class PartView:
    """A part as people see it. ``since`` is the Unix time of its last start; ``note`` says what it waits for."""

    name: str
    state: State
    pid: int | None
    restarts: int
    since: float | None
    note: str


class PartRunner:
    """Runs one part. `advance` and `advance_stop` are called again and again, and never block."""

    def __init__(self, part: Part, log: Path, probes: Executor) -> None:
        self.part = part
        self.log = log
        self.is_ready = False
        self._has_answered = False
        self._probes = probes
        self._process: Process | None = None
        self._answer: Future[None] | None = None
        self._starts = 0
        self._since: float | None = None
        self._deaths: deque[float] = deque()
        self._may_start_at = 0.0
        self._heard_at = 0.0
        self._ask_again_at = 0.0
        self._stop_by: float | None = None
        self._note = ""

    @property
    def is_running(self) -> bool:
        return self._process is not None

    @property
    def failure(self) -> str | None:
        """Why its first start has failed, or None. What has answered once is restarted for ever."""
        if self._has_answered or self._since is None:
            return None
        if self._deaths:
            return self._note
        if time.time() > self._since + self.part.ready_within_s:
            return f"did not answer within {self.part.ready_within_s:.0f} s: {self._note}"
        return None

    def advance(self, *, may_start: bool) -> None:
        """Start it if it may, notice its death or its silence, ask whether it answers."""
        if self._process is None:
            if may_start and time.monotonic() >= self._may_start_at:
                self._start()
        elif self._process.has_ended:
            self._end(self._process.bury())
        elif not self.is_ready:
            self._ask(self.part.probe, self._process.pid)
        elif self.part.alive is not None:
            self._listen(self.part.alive, self._process)

    def advance_stop(self, *, at_once: bool) -> None:
        """Ask it to stop; kill what is left when it has, when its grace is over, or ``at_once``."""
        if self._stop_by is None:
            self._stop_by = time.monotonic() + self.part.stop_grace_s
            if self._process:
                self._process.ask_to_stop()
        if self._process and (at_once or self._process.has_ended or time.monotonic() >= self._stop_by):
            self._note = self._process.bury()
            self._process = None

    def view(self) -> PartView:
        pid = self._process.pid if self._process else None
        restarts = max(0, self._starts - 1)
        return PartView(self.part.name, self._state(), pid, restarts, self._since, "" if self.is_ready else self._note)

    def _state(self) -> State:
        if self._stop_by is not None:
            return State.STOPPING if self._process else State.STOPPED
        if self._recent_deaths() >= FAILING_DEATHS:
            return State.FAILING
        if self.is_ready:
            return State.READY
        if self._deaths:
            return State.RESTARTING
        return State.STARTING if self._process else State.WAITING

    def _start(self) -> None:
        self._starts += 1
        self._since = time.time()
        try:
            self._process = Process(self.part.command, env=self.part.env, log=self.log)
        except OSError as error:  # no memory or no process to be had: as good as a death
            self._end(f"could not be started: {error.strerror}")

    def _end(self, how: str) -> None:
        self._note = how
        self._process, self._answer, self.is_ready = None, None, False
        self._deaths.append(time.monotonic())
        pause_s = min(PAUSE_MAX_S, PAUSE_FIRST_S * 2.0 ** (self._recent_deaths() - 1))
        self._may_start_at = time.monotonic() + pause_s

    def _ask(self, probe: Probe, pid: int) -> bool:
        """Put the question on a thread, or take its answer; whether that was a no."""
        if self._answer is None:
            self._answer = self._probes.submit(probe, pid)
            return False
        if not self._answer.done():
            return False
        answer, self._answer = self._answer, None
        self._ask_again_at = time.monotonic() + ALIVE_EVERY_S
        try:
            answer.result()
        except CannotTell as reason:
            self._note, self._heard_at = str(reason), time.monotonic() + COME_BACK_S
        except NotReady as reason:
            self._note = str(reason)
            return True
        else:
            self.is_ready = self._has_answered = True
            self._heard_at = time.monotonic()
        return False

    def _listen(self, alive: Probe, process: Process) -> None:
        """Ask it now and then; end it when it has been silent for too long, and is so still."""
        if self._answer is None and time.monotonic() < self._ask_again_at:
            return
        is_silent = self._ask(alive, process.pid)
        if is_silent and time.monotonic() - self._heard_at >= self.part.silent_within_s:
            process.bury()
            self._end(f"fell silent: {self._note}")

    def _recent_deaths(self) -> int:
        while self._deaths and self._deaths[0] < time.monotonic() - FAILING_WINDOW_S:
            self._deaths.popleft()
        return len(self._deaths)
