"""Retire: when a child has done enough and makes room for a fresh one."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass


@dataclass(slots=True)
class RetireChild:
    """Libraries in C leak, and a thread that never comes back can be ended only with its process.

    Asked by the drain itself: on a busy lane a pulse never ends, and Celery looks between pulses only.
    """

    runs_left: int
    memory_bytes: int
    read_memory: Callable[[], int]
    stuck: AbstractSet[str]

    def count_run(self) -> None:
        self.runs_left -= 1

    def is_due(self) -> bool:
        """Whether this child should claim nothing more, let its runs end, and go."""
        return self.runs_left <= 0 or bool(self.stuck) or self.read_memory() > self.memory_bytes
