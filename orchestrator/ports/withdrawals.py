"""How a task is taken back that was recorded and could not be written to the journal."""

from collections.abc import Sequence
from typing import Protocol

from orchestrator.domain.journal import Entry


class Withdrawals(Protocol):
    """An `Idempotency-Key` may be repeated while its first submit still writes to the journal: one of both wins."""

    def unconfirmed(self, project: str, idempotency_key: str) -> tuple[Entry, ...]:
        """What was submitted with the key, as long as nobody has confirmed that the journal holds it.

        Nothing of what was submitted without a journal, or is forgotten.

        Raises:
            Unavailable: it is being withdrawn.
        """
        ...

    def confirm(self, task_id: str) -> None:
        """The journal holds the task, and those of its batch, of which it is the first.

        Raises:
            Unavailable: it was withdrawn before.
        """
        ...

    def withdraw(self, tasks: Sequence[Entry]) -> bool:
        """End and hide the tasks, and free their key. False if they were confirmed: then they stay."""
        ...
