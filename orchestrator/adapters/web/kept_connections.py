"""Connections to web hosts that are kept for the next message: the warmest first.

httpcore's own pool asks the kernel about every idle connection, under its lock, before and after each message. With
sixteen senders that was half of what a message cost.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpcore

MOST = 64


class KeptConnections:
    """``connect`` makes one for an origin. Who has borrowed one has it alone."""

    def __init__(self, connect: Callable[[httpcore.Origin], httpcore.HTTPConnection], *, most: int = MOST) -> None:
        self._connect = connect
        self._most = most
        self._idle: list[tuple[httpcore.Origin, httpcore.HTTPConnection]] = []
        self._is_closed = False
        self._lock = threading.Lock()

    @contextmanager
    def borrowed(self, origin: httpcore.Origin) -> Iterator[httpcore.HTTPConnection]:
        """For one exchange. A connection that is in order afterwards is kept."""
        connection = self._take(origin) or self._connect(origin)
        try:
            yield connection
        finally:
            if connection.is_available():
                self._keep(origin, connection)
            else:
                connection.close()

    def close(self) -> None:
        """End those that nobody has borrowed; the others as they are given back."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()

    def _take(self, origin: httpcore.Origin) -> httpcore.HTTPConnection | None:
        """One that has not been idle for too long, and that the other side has not closed."""
        while (found := self._pop(origin)) and found.has_expired():
            found.close()
        return found

    def _pop(self, origin: httpcore.Origin) -> httpcore.HTTPConnection | None:
        with self._lock:
            for place in reversed(range(len(self._idle))):
                if self._idle[place][0] == origin:
                    return self._idle.pop(place)[1]
        return None

    def _keep(self, origin: httpcore.Origin, connection: httpcore.HTTPConnection) -> None:
        with self._lock:
            self._idle.append((origin, connection))
            is_too_many = self._is_closed or len(self._idle) > self._most
            coldest = self._idle.pop(0)[1] if is_too_many else None
        if coldest:
            coldest.close()
