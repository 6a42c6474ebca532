"""The journal: a second durable copy of what was accepted, in another store than the records (ADR 0041)."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from orchestrator.domain.journal import Broken, Change, Ended, Entry, Recorded, Tenant


class Journal(Protocol):
    """Every call is safe to repeat.

    All raise `Unavailable` or `Refused` when it cannot be written, or read.
    """

    def write(self, entries: Sequence[Entry]) -> None:
        """Keep the entries of one project, accepted together, all or none. What is there already stays as it is."""
        ...

    def note_retry(self, project: str, task_id: str, *, generation: int) -> None:
        """A client has asked for another generation of the task."""
        ...

    def note_change(self, project: str, task_id: str, *, change: Change) -> None:
        """A client has changed the task; the latest one counts."""
        ...

    def note_deleted(self, project: str, task_id: str) -> None:
        """Nobody may see the task again; its artifacts may be there still."""
        ...

    def note_done(self, project: str, task_id: str, *, ended: Ended) -> None:
        """A generation of the task has ended."""
        ...

    def note_gone(self, project: str, task_id: str) -> None:
        """Record and artifacts are gone: the journal need not know of the task any longer."""
        ...

    def keep_tenant(self, tenant: Tenant) -> None:
        """The project as it is now."""
        ...

    def is_empty(self) -> bool:
        """Whether nothing was ever written."""
        ...

    def tenants(self) -> Iterator[Tenant | Broken]:
        """Every project."""
        ...

    def tasks(self) -> Iterator[Recorded | Broken]:
        """Every task that is not gone; those of a project in the order of their ids, but for batches."""
        ...

    def forget_gone(self) -> int:
        """Throw away what is only about tasks that are gone; how many objects that were."""
        ...
