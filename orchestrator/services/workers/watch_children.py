"""Watch children: the parent of a worker ends a child that has fallen silent with a pulse in its hands."""

from dataclasses import dataclass

import structlog

from orchestrator.ports.clock import Clock
from orchestrator.ports.processes import Processes
from orchestrator.ports.signboard import SignBoard

log = structlog.get_logger()

GAP_S = 2.0


@dataclass(slots=True)
class WatchChildren:
    """Reads memory and waits for nothing. Only a parent that was awake all the time may judge who was silent."""

    board: SignBoard
    processes: Processes
    clock: Clock
    silent_s: float
    _ticked_s: float = 0.0
    _grace_until_s: float = 0.0

    def tick(self) -> None:
        """Kill who has been silent for ``silent_s``; Celery replaces it."""
        now_s = self.clock.monotonic_s()
        if now_s - self._ticked_s > GAP_S:  # the worker was frozen as a whole, or its parent waited for the store
            self._grace_until_s = now_s + self.silent_s
        self._ticked_s = now_s
        if now_s < self._grace_until_s:
            return
        for sign in self.board.read():
            silent_s = now_s - sign.shown_s
            if silent_s >= self.silent_s and self.processes.is_alive(sign.owner):
                log.error("child.hung", owner=str(sign.owner), silent_s=round(silent_s, 1))
                self.processes.kill(sign.owner)
