"""Tasks whose files lie in the fallback store until they are moved back (ADR 0040)."""

from dataclasses import dataclass
from typing import Protocol

from orchestrator.domain.task import Artifact


@dataclass(frozen=True, slots=True)
class Displaced:
    """A task, and its outputs as they are recorded; ``version`` says of which record that was read."""

    task_id: str
    outputs: tuple[Artifact, ...]
    version: str


class DisplacedTasks(Protocol):
    """Every call may run anywhere, any number of times, and raises `Unavailable` when the store cannot be asked."""

    def due(self, *, limit: int) -> tuple[Displaced, ...]:
        """Those to be moved now, oldest first."""
        ...

    def move(self, displaced: Displaced, outputs: tuple[Artifact, ...], *, left_s: float) -> bool:
        """Record ``outputs`` in their place, if they are still what was read; False if they are not.

        Their copies in the fallback store are to be removed after ``left_s``: links to them are about.
        """
        ...

    def put_off(self, displaced: Displaced, *, seconds: float) -> None:
        """It could not be moved: another time, after the others."""
        ...

    def left_over(self, *, limit: int) -> tuple[str, ...]:
        """Keys in the fallback store to which no link is about any more."""
        ...

    def forget(self, key: str) -> None:
        """It is removed."""
        ...
