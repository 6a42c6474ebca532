"""Tasks that are submitted at a steady rate, whatever the answers take, while something else goes on."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from plain_http import PlainClient

CLIENTS = 4


@dataclass
class SteadyLoad:
    """``due_s`` is the moment at which each task was to be submitted, by its id: what comes late has waited, too."""

    connect: Callable[[], PlainClient]
    make: Callable[[int], dict[str, Any]]
    per_s: float
    due_s: dict[str, float] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Raises at the end what a submit has met."""
        stopping, begun_s = threading.Event(), time.time()
        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(self._submit, stopping, begun_s) for _ in range(CLIENTS)]
            try:
                yield
            finally:
                stopping.set()
                wait(clients)
        for client in clients:
            client.result()

    def _submit(self, stopping: threading.Event, begun_s: float) -> None:
        with self.connect() as client:
            while not stopping.is_set():
                with self._lock:
                    number = next(self._numbers)
                due_s = begun_s + number / self.per_s
                time.sleep(max(0.0, due_s - time.time()))
                self.due_s[client.post("/v1/tasks", self.make(number))["id"]] = due_s
