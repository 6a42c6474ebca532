"""What the journal holds of a task: all that it takes to make the task again, and what became of it (ADR 0041)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from orchestrator.domain.task import Artifact, Failure, JsonObject, NewTask, Priority, Status, Task


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What an `Idempotency-Key` is answered."""

    key: str
    request_sha256: str
    text: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A task as it was accepted. Of a batch, the first one has the answer of them all."""

    task: NewTask
    created_at_ms: int
    answer: KeptAnswer | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What a client may change after the submit, as it is since; ``at_ms`` orders the changes of a task."""

    priority: Priority
    labels: JsonObject
    expires_at_ms: int | None = None
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a generation of a task has ended; at zero if nobody knows when."""

    generation: int
    status: Status
    ended_at_ms: int
    started_at_ms: int | None = None
    epoch: int = 0
    outputs: tuple[Artifact, ...] = ()
    result: JsonObject | None = None
    error: Failure | None = None
    usage: JsonObject = field(default_factory=dict)

    @classmethod
    def of(cls, task: Task) -> Self:
        """The end of a task that has ended."""
        return cls(
            generation=task.generation,
            status=task.status,
            ended_at_ms=task.ended_at_ms or task.updated_at_ms,
            started_at_ms=task.started_at_ms,
            epoch=task.epoch,
            outputs=task.outputs,
            result=task.result,
            error=task.error,
            usage=task.usage,
        )


@dataclass(frozen=True, slots=True)
class Recorded:
    """All that the journal says of a task. ``ended`` is the end of its latest ``generation``, if that has ended."""

    entry: Entry
    generation: int = 1
    change: Change | None = None
    ended: Ended | None = None
    is_deleted: bool = False

    @property
    def task_id(self) -> str:
        return self.entry.task.id


@dataclass(frozen=True, slots=True)
class Restoration:
    """How a task is to be made again: queued, unless it has ``ended``; its runs go on after ``epoch``."""

    recorded: Recorded
    ended: Ended | None = None
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Broken:
    """Something in the journal that cannot be read."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Tenant:
    """A project with its keys as the store of records holds them, and when what ends by itself does.

    What it means is the business of that store.
    """

    slug: str
    hashes: Mapping[str, Mapping[str, str]]
    ends_at_ms: Mapping[str, int] = field(default_factory=dict)
