"""Retire: when a child has done enough and makes room for a fresh one."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from orchestrator.ports.clock import Clock

LOOK_EVERY_S = 1.0


@dataclass(slots=True)
class RetireChild:
    """Libraries in C leak, and a thread that never comes back can be ended only with its process.

    Asked by the drain itself: on a busy lane a pulse never ends, and Celery looks between pulses only. It asks at every
    turn, and its memory is looked at once a second.
    """

    runs_left: int
    memory_bytes: int
    read_memory: Callable[[], int]
    stuck: AbstractSet[str]
    clock: Clock
    _is_large: bool = False
    _look_at_s: float = float("-inf")

    def count_run(self) -> None:
        self.runs_left -= 1

    def is_due(self) -> bool:
        """Whether this child should claim nothing more, let its runs end, and go."""
        return self.runs_left <= 0 or bool(self.stuck) or self._has_grown()

    def _has_grown(self) -> bool:
        now_s = self.clock.monotonic_s()
        if now_s >= self._look_at_s:
            self._is_large = self.read_memory() > self.memory_bytes
            self._look_at_s = now_s + LOOK_EVERY_S
        return self._is_large
