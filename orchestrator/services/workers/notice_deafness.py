"""Notice deafness: a worker to which pulses no longer come, although it lives, ends itself to be started again."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

log = structlog.get_logger()


@dataclass(slots=True)
class NoticeDeafness:
    """Liveness by progress: a broker's client may lose its place in the event loop and never know (stack facts A.4).

    Judged by ticks and not by time: a worker that was frozen has not ticked either.
    """

    waiting: Callable[[], int]
    is_free: Callable[[], bool]
    end: Callable[[], None]
    patience: int
    _missed: int = 0

    def hear(self) -> None:
        """A pulse has come."""
        self._missed = 0

    def tick(self) -> None:
        """After ``patience`` ticks in a row with a pulse waiting, a child free for it, and none heard: end, once."""
        self._missed = self._missed + 1 if self.is_free() and self.waiting() else 0
        if self._missed == self.patience:
            log.error("worker.deaf", ticks=self._missed)
            self.end()
