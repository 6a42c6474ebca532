"""How clients change tasks. Backed by the record; every call is atomic, durable on return and safe to repeat."""

from dataclasses import dataclass
from typing import Protocol

from orchestrator.domain.batch import NewBatch
from orchestrator.domain.from_stage import FromStage
from orchestrator.domain.task import JsonObject, NewTask, Priority, Task


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to a submit. ``replayed`` says that it is that of an earlier submit with this key.

    ``answer`` is the one of `NewTask`, empty if there was none; ``task`` is None when it has been forgotten since.
    """

    task_id: str
    created_at_ms: int
    task: Task | None
    answer: str = ""
    replayed: bool = False


class Intake(Protocol):
    """Submits, cancels and client retries."""

    def submit(self, task: NewTask) -> Receipt:
        """Record ``task`` as queued; it is on disk when this returns (`/readyz` checks ``appendfsync always``).

        A key seen before in the project answers as the first submit with it did, however often it is repeated, for a
        day from that one, whatever has become of the task.

        Raises:
            IdempotencyConflict: the key was used with another ``request_sha256``.
            QuotaExceeded, QueueFull, NotReady: the project or the lane can have no more now; nothing was recorded, and
                the key is as good as unused.
            Overloaded: the store cannot take writes now, or it is read-only; nothing was recorded.
            OutcomeUnknown: the answer was lost; the task may or may not be recorded. Repeat with the same key.
        """
        ...

    def submit_batch(self, batch: NewBatch) -> Receipt:
        """Record all of the tasks as queued, or none of them, in one step. The receipt names the first of them.

        A key seen before answers as `submit` does.

        Raises:
            BatchRefused: it names each task that the project or its lane can not have now, given those before it.
            IdempotencyConflict, Overloaded, OutcomeUnknown: as `submit`; nothing, or everything, was recorded.
        """
        ...

    def replay(self, project: str, idempotency_key: str, *, request_sha256: str) -> Receipt | None:
        """The answer of an earlier submit with this key, or None when there was none. Changes nothing.

        Raises:
            IdempotencyConflict: the key was used with another ``request_sha256``.
        """
        ...

    def cancel(self, project: str, task_id: str) -> Task:
        """End a queued task now; ask the run of a running one to stop. A terminal task is returned as it is.

        Raises:
            TaskNotFound: the project has no such task.
        """
        ...

    def change(
        self,
        project: str,
        task_id: str,
        *,
        priority: Priority | None = None,
        labels: JsonObject | None = None,
        expires_at_ms: int | None = None,
    ) -> Task:
        """Give a queued task another priority, as if it had been submitted with it, or other labels; None leaves one.

        Any task may be given a time to go with its files, before its retention is over; zero takes that time away.

        Raises:
            TaskNotFound: the project has no such task.
            IllegalMove: the task is not queued, and more than its time to go should change.
        """
        ...

    def delete(self, project: str, task_id: str) -> None:
        """Cancel the task if it has not ended, and let no client see it again. Its artifacts are swept once it has.

        Raises:
            TaskNotFound: the project has no such task.
        """
        ...

    def resubmit(self, project: str, task_id: str, *, generation: int, from_stage: FromStage | None = None) -> Task:
        """Queue a failed or canceled task again as generation + 1 with fresh budgets.

        What its runs have made and not brought to an end is taken up again, unless ``from_stage`` is an earlier one.

        Raises:
            TaskNotFound: the project has no such task.
            IllegalMove: the task is neither failed nor canceled, ``generation`` is not its current one, or it is to be
                stored and nothing was made.
            QuotaExceeded, QueueFull, NotReady: as for a submit; the task stays as it was.
        """
        ...
