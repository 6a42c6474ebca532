"""The server's life: it ends with us, we end with it, and it is restarted when somebody asks."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from warden.server import Server

What = Literal["ended", "restart", "stop"]


@dataclass(frozen=True)
class Event:
    """What has happened: the server ``pid`` has ended, or somebody wants something."""

    what: What
    pid: int = 0
    reason: str = ""


@dataclass
class Life:
    """`run` on the main thread; everything else from anywhere."""

    server: Server
    restarts: int = field(default=0, init=False)
    # Its `put` may be called by a signal handler, also while this thread waits in `get`.
    _events: queue.SimpleQueue[Event] = field(default_factory=queue.SimpleQueue, init=False)

    def request_restart(self, reason: str) -> None:
        self._events.put(Event("restart", pid=self.server.pid or 0, reason=reason))

    def request_stop(self) -> None:
        self._events.put(Event("stop"))

    def begin(self) -> None:
        """Start the server."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.request_stop())
        self._start()

    def run(self) -> int:
        """Return the server's exit status when it has ended unasked, or we were told to stop."""
        while True:
            event = self._events.get()
            if event.what == "stop":
                return self.server.stop()
            if event.pid != self.server.pid:  # of a server that was replaced meanwhile
                continue
            if event.what == "ended":
                return self.server.bury()
            self._restart(event.reason)

    def _restart(self, reason: str) -> None:
        sys.stderr.write(f"warden: restarts the server: {reason}\n")
        self.server.stop()
        self.restarts += 1
        self._start()

    def _start(self) -> None:
        process = self.server.start()
        threading.Thread(target=self._tell_end, args=(process,), name=f"end-of-{process.pid}", daemon=True).start()

    def _tell_end(self, process: subprocess.Popen[bytes]) -> None:
        with suppress(ChildProcessError):  # it is buried already
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # only looks: who buries it wants its status
        self._events.put(Event("ended", pid=process.pid))
