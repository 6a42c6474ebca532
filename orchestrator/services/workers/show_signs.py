"""Show signs: a child that holds a pulse tells its parent every second that it is not stuck."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from orchestrator.domain.owner import Owner
from orchestrator.ports.clock import Clock
from orchestrator.ports.signboard import SignBoard

log = structlog.get_logger()

STUCK_S = 300.0  # no call to the store takes as long, not even to one that has frozen


@dataclass(slots=True)
class ShowSigns:
    """A thread of its own signs, one that never waits for the outside: a slow store is no reason to be killed.

    It falls silent with the whole process, such as in a call in C that keeps the interpreter's lock, and by itself when
    the drain or the beats have not moved for `STUCK_S`.
    """

    board: SignBoard
    clock: Clock
    owner: Owner
    period_s: float = 1.0
    _moved_s: dict[str, float] = field(default_factory=dict)
    _holds_pulse: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def holding_pulse(self) -> Iterator[None]:
        """From here to the end of the block this child must not be silent."""
        with self._lock:
            self._moved_s.clear()
            self._holds_pulse = True
        self.show()
        try:
            yield
        finally:
            with self._lock:
                self._holds_pulse = False
                self.board.rest()

    def note(self, part: str) -> None:
        """``part`` of this child has just moved."""
        self._moved_s[part] = self.clock.monotonic_s()

    def show_forever(self) -> None:
        """The body of the thread; a daemon, it ends with its process."""
        pause = threading.Event()
        while True:
            pause.wait(self.period_s)
            self.show()

    def show(self) -> None:
        """One sign, unless there is no pulse or a part is stuck."""
        with self._lock:
            stuck = self._stuck()
            if stuck:
                log.error("child.stuck", parts=stuck)
            elif self._holds_pulse:
                self.board.show(self.owner)

    def _stuck(self) -> list[str]:
        now_s = self.clock.monotonic_s()
        return [part for part, moved_s in self._moved_s.copy().items() if now_s - moved_s >= STUCK_S]
