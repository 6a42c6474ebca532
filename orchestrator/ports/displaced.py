"""Tasks whose files lie in the fallback store until they are moved back (ADR 0040)."""

from dataclasses import dataclass
from typing import Protocol

from orchestrator.domain.stored_result import StoredResult
from orchestrator.domain.task import Artifact


@dataclass(frozen=True, slots=True)
class Displaced:
    """A task, and where its files are as it is recorded; ``version`` says of which record that was read."""

    task_id: str
    outputs: tuple[Artifact, ...]
    result: StoredResult | None
    version: str

    @property
    def keys(self) -> tuple[str, ...]:
        """Those in the fallback store."""
        outputs = tuple(output.key for output in self.outputs if output.store)
        return (*outputs, self.result.key) if self.result and self.result.store else outputs


class DisplacedTasks(Protocol):
    """Every call may run anywhere, any number of times, and raises `Unavailable` when the store cannot be asked."""

    def due(self, *, limit: int) -> tuple[Displaced, ...]:
        """Those to be moved now, oldest first."""
        ...

    def move(self, was: Displaced, now: Displaced, *, left_s: float) -> bool:
        """Record where the files are now, if the record is still what was read; False if it is not.

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
