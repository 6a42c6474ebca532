"""What the service answers, as values. Fields that a newer service adds are ignored here and kept in ``raw``."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Json = Mapping[str, Any]

TERMINAL = frozenset({"succeeded", "failed", "canceled"})


@dataclass(frozen=True, slots=True)
class Progress:
    """``fraction`` of the whole (0 to 1); ``done`` of ``total`` units in ``stage``."""

    fraction: float
    stage: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Queue:
    """How many tasks of the same project and model are ahead; None while waiting for another try.

    ``no_worker`` names the lane in which the task waits, while no worker serves it; ``away`` what is away that it
    needs, such as ``triton`` or ``model:echo@2``; ``paused`` what an operator or the project holds up, ``lane:io``.
    """

    position: int | None
    eta_s: float | None
    no_worker: str | None = None
    away: tuple[str, ...] = ()
    paused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskError:
    """Why a task or an attempt failed."""

    code: str
    category: str
    message: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run that has ended."""

    epoch: int
    worker: str
    started_at: datetime
    ended_at: datetime
    error: TaskError | None


@dataclass(frozen=True, slots=True)
class Output:
    """A file that the task made; ``url`` works without a key, for a while."""

    name: str
    url: str
    content_type: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Task:
    """A task. Lists leave ``queue``, ``attempts`` and ``outputs`` empty: `get` fills them."""

    id: str
    type: str
    status: str
    project: str
    priority: str
    input: Json | None
    params: Json
    labels: Json
    progress: Progress
    queue: Queue | None
    attempts: tuple[Attempt, ...]
    outputs: tuple[Output, ...]
    result: Json | None
    error: TaskError | None
    usage: Json
    generation: int
    follows: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    expires_at: datetime | None
    raw: Json

    @property
    def has_ended(self) -> bool:
        return self.status in TERMINAL

    @property
    def has_succeeded(self) -> bool:
        return self.status == "succeeded"


@dataclass(frozen=True, slots=True)
class TaskType:
    """What the service can do. ``params`` is a JSON Schema; ``accepts`` is empty for types without input."""

    name: str
    summary: str
    lane: str
    accepts: tuple[str, ...]
    params: Json


@dataclass(frozen=True, slots=True)
class LogLine:
    """What a run said of itself. ``id`` is that of the `log` event."""

    id: str
    at: datetime
    level: str
    event: str
    fields: Json


def parse_task(body: Json) -> Task:
    return Task(
        id=body["id"],
        type=body["type"],
        status=body["status"],
        project=body["project"],
        priority=body["priority"],
        input=body["input"],
        params=body["params"],
        labels=body["labels"],
        progress=_progress(body["progress"]),
        queue=parse_queue(body.get("queue")),
        attempts=tuple(_attempt(attempt) for attempt in body.get("attempts", ())),
        outputs=tuple(_output(output) for output in body.get("outputs", ())),
        result=body["result"],
        error=_error(body["error"]),
        usage=body["usage"],
        generation=body["generation"],
        follows=body.get("follows"),
        created_at=datetime.fromisoformat(body["created_at"]),
        started_at=_time(body["started_at"]),
        ended_at=_time(body["ended_at"]),
        expires_at=_time(body.get("expires_at")),
        raw=body,
    )


def parse_task_type(body: Json) -> TaskType:
    return TaskType(
        name=body["name"],
        summary=body["summary"],
        lane=body["lane"],
        accepts=tuple(body["accepts"]),
        params=body["params"],
    )


def parse_log_line(body: Json) -> LogLine:
    at = datetime.fromisoformat(body["at"])
    return LogLine(id=body["id"], at=at, level=body["level"], event=body["event"], fields=body["fields"])


def _progress(body: Json) -> Progress:
    return Progress(fraction=body["fraction"], stage=body["stage"], done=body["done"], total=body["total"])


def parse_queue(body: Json | None) -> Queue | None:
    if body is None:
        return None
    return Queue(
        position=body["position"],
        eta_s=body["eta_s"],
        no_worker=body.get("no_worker"),
        away=tuple(body.get("away") or ()),
        paused=tuple(body.get("paused") or ()),
    )


def _error(body: Json | None) -> TaskError | None:
    if body is None:
        return None
    return TaskError(code=body["code"], category=body["category"], message=body["message"], retryable=body["retryable"])


def _attempt(body: Json) -> Attempt:
    return Attempt(
        epoch=body["epoch"],
        worker=body["worker"],
        started_at=datetime.fromisoformat(body["started_at"]),
        ended_at=datetime.fromisoformat(body["ended_at"]),
        error=_error(body["error"]),
    )


def _output(body: Json) -> Output:
    return Output(
        name=body["name"],
        url=body["url"],
        content_type=body["content_type"],
        size_bytes=body["size_bytes"],
        sha256=body["sha256"],
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
