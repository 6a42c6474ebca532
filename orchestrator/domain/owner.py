"""Who runs a task: a worker process, named so that no other is ever taken for it."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Owner:
    """A process. Its pid means something on its node only, and is reused there: the start time says whose it was."""

    node: str
    pid: int
    start: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The owner whose `str` is ``text``."""
        node, pid, start = text.rsplit(":", 2)
        return cls(node, int(pid), int(start))

    def __str__(self) -> str:
        return f"{self.node}:{self.pid}:{self.start}"
