"""The log of one run: lines for the client, which the beats and the last commit carry to the record."""

import threading
from collections.abc import Callable, Sequence

from orchestrator.domain.log_line import Level, LogLine, Plain, Said

MOST_LINES = 50  # a task keeps a few hundred events of all its runs


class RunLog:
    """Called by the run's threads with an event and its fields; what is beyond the first fifty lines is dropped."""

    def __init__(self, now_s: Callable[[], float], has_news: Callable[[], None] = lambda: None) -> None:
        self._now_s = now_s
        self._has_news = has_news
        self._lock = threading.Lock()
        self._count = 0
        self._unheard: list[tuple[int, float, LogLine]] = []

    def __call__(self, event: str, /, *, level: Level = "info", **fields: Plain) -> None:
        """Say a line. See `LogLine` for what may stand in it."""
        line = LogLine(event, fields, level)
        with self._lock:
            if self._count == MOST_LINES:
                return
            self._count += 1
            full = LogLine("log.full", {"lines": MOST_LINES}, "warning")
            self._unheard.append((self._count, self._now_s(), full if self._count == MOST_LINES else line))
        self._has_news()

    @property
    def has_unheard(self) -> bool:
        return bool(self._unheard)

    def unheard(self) -> tuple[Said, ...]:
        """The lines that no beat has brought yet."""
        now_s = self._now_s()
        with self._lock:
            return tuple(Said(number, max(0.0, now_s - said_s), line) for number, said_s, line in self._unheard)

    def heard(self, lines: Sequence[Said]) -> None:
        """The store has written them."""
        last = max((said.number for said in lines), default=0)
        with self._lock:
            self._unheard = [unheard for unheard in self._unheard if unheard[0] > last]
