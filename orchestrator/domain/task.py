"""The task: its statuses, the table of moves, and its record. Nothing else decides what may follow what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from orchestrator.domain.errors import Category
from orchestrator.domain.ids import task_prefix
from orchestrator.domain.lane import pool_lane, solo_lane
from orchestrator.domain.model import Placement

JsonObject = Mapping[str, Any]
SCHEMA_VERSION = 1


class Status(StrEnum):
    """Where a task stands: the same five words in the record, the API, the CMS, the metrics and the docs."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def is_terminal(self) -> bool:
        return self in TERMINAL


class Move(StrEnum):
    """What can happen to a task."""

    CLAIM = "claim"
    RETRY = "retry"
    RELEASE = "release"
    LAPSE = "lapse"
    FINISH = "finish"
    FAIL = "fail"
    STOP = "stop"
    EXPIRE = "expire"
    CANCEL = "cancel"
    RESUBMIT = "resubmit"
    SHARE = "share"
    JOIN = "join"


TERMINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELED})

# Lua repeats none of it beyond compare and swap; `tests/integration` walks every pair of statuses through both.
MOVES: Mapping[tuple[Status, Status], frozenset[Move]] = {
    (Status.QUEUED, Status.RUNNING): frozenset({Move.CLAIM}),
    (Status.QUEUED, Status.SUCCEEDED): frozenset({Move.SHARE}),
    (Status.QUEUED, Status.FAILED): frozenset({Move.EXPIRE}),
    (Status.QUEUED, Status.CANCELED): frozenset({Move.CANCEL}),
    (Status.RUNNING, Status.QUEUED): frozenset({Move.RETRY, Move.RELEASE, Move.LAPSE, Move.JOIN}),
    (Status.RUNNING, Status.SUCCEEDED): frozenset({Move.FINISH, Move.SHARE}),
    (Status.RUNNING, Status.FAILED): frozenset({Move.FAIL, Move.LAPSE}),
    (Status.RUNNING, Status.CANCELED): frozenset({Move.STOP, Move.LAPSE, Move.RETRY, Move.FAIL, Move.RELEASE}),
    (Status.FAILED, Status.QUEUED): frozenset({Move.RESUBMIT}),
    (Status.CANCELED, Status.QUEUED): frozenset({Move.RESUBMIT}),
}


def allows(status: Status, move: Move) -> bool:
    """Whether ``move`` may start from ``status``."""
    return any(start is status and move in moves for (start, _), moves in MOVES.items())


class Priority(StrEnum):
    """A head start in the queue, not a class of its own: a low task is overtaken, never starved."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


HEAD_START_MS: Mapping[Priority, int] = {Priority.LOW: -120_000, Priority.NORMAL: 0, Priority.HIGH: 120_000}


class Place(StrEnum):
    """The one index that holds a task that is not terminal (invariant I1)."""

    READY = "ready"
    LEASES = "leases"
    DELAYED = "delayed"
    PARTS = "parts"
    FOLLOWING = "following"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task or one of its attempts failed, in words that are safe to show to a client."""

    code: str
    category: Category
    message: str
    retryable: bool = False


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file we made and stored. ``name`` is relative to the run's own prefix; ``store`` is empty, or `fallback`."""

    name: str
    key: str
    content_type: str
    size_bytes: int
    sha256: str
    store: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a task that has ended."""

    epoch: int
    worker: str
    started_at_ms: int
    ended_at_ms: int
    error: Failure | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come: ``fraction`` of the whole (0 to 1), and ``done`` of ``total`` units in ``stage``."""

    stage: str = ""
    fraction: float = 0.0
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class NewTask:
    """What a client asked for, validated and ready to be recorded."""

    id: str
    project: str
    type: str
    lane: str
    model: str
    input: JsonObject
    params: JsonObject
    labels: JsonObject
    priority: Priority
    predicted_s: float
    request_sha256: str
    idempotency_key: str | None = None
    answer: str = ""  # what its client is told, kept under the key
    content: str = ""  # tasks of one content follow one another; empty for one that runs in any case
    start_by_s: float | None = None
    run_for_s: float | None = None
    webhook: JsonObject | None = None  # whom to tell of it, beside the project's endpoints
    is_journaled: bool = False  # the journal is told of it, and of its end
    expires_at_ms: int | None = None  # it goes with its files then, if it has ended


@dataclass(frozen=True, slots=True)
class Task:
    """The record of a task: the truth about it. Times are milliseconds since the epoch, by the Redis clock."""

    id: str
    project: str
    type: str
    lane: str
    model: str
    status: Status
    priority: Priority
    generation: int
    epoch: int
    input: JsonObject
    params: JsonObject
    labels: JsonObject
    created_at_ms: int
    updated_at_ms: int
    predicted_s: float
    run_id: str = ""
    started_at_ms: int | None = None
    ended_at_ms: int | None = None
    start_by_ms: int | None = None
    run_for_s: float | None = None
    cancel_requested_at_ms: int | None = None
    delayed_until_ms: int | None = None
    progress: Progress = Progress()
    outputs: tuple[Artifact, ...] = ()
    result: JsonObject | None = None
    error: Failure | None = None
    checkpoint: JsonObject | None = None
    usage: JsonObject = field(default_factory=dict)
    tries: Mapping[Category, int] = field(default_factory=dict)
    waits: Mapping[Category, int] = field(default_factory=dict)  # ends of its runs that used up no try
    pool: str | None = None
    solo: bool = False
    follows: str | None = None
    release: str = ""  # of its model, to which the latest run was sent; empty when nobody knew of any
    webhook: JsonObject | None = None
    is_journaled: bool = False
    expires_at_ms: int | None = None
    changed_at_ms: int = 0  # when a client has changed it last; each time later than the one before
    part_of: str | None = None  # the task that it is a part of, if it is one
    parts: int = 0  # into which it was cut; none for most
    schema: int = SCHEMA_VERSION

    @property
    def is_canceling(self) -> bool:
        return self.status is Status.RUNNING and self.cancel_requested_at_ms is not None

    @property
    def waits_in(self) -> str:
        """The lane in which it is ready, when it is."""
        lane = pool_lane(self.lane, self.pool)
        return solo_lane(lane) if self.solo else lane


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt at a task, as claim handed it out. (epoch, run_id) is its token: the epoch orders, the id fences."""

    task: Task
    epoch: int
    run_id: str
    owner: str
    placement: Placement | None = None  # none when no inference server has an owner: the first one is asked then

    @property
    def token(self) -> str:
        return f"{self.epoch}-{self.run_id}"

    @property
    def prefix(self) -> str:
        """Where this run may store artifacts; no other run ever writes there."""
        return f"{task_prefix(self.task.project, self.task.id)}{self.token}/"


@dataclass(frozen=True, slots=True)
class TaskEvent:
    """One line of a task's own story. (generation, seq) orders the lines for every receiver."""

    generation: int
    seq: int
    type: str
    at_ms: int
    data: JsonObject
