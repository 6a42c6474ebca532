"""The shapes of answers. `views.py` fills them in."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.examples import TASK_EXAMPLE
from orchestrator.api.problem_codes import CODES
from orchestrator.api.times import Time
from orchestrator.domain.errors import Category
from orchestrator.domain.task import Priority

ShownStatus = Literal["queued", "running", "canceling", "succeeded", "failed", "canceled"]


class ErrorView(BaseModel):
    """Why a task or an attempt failed."""

    code: str
    category: Category
    message: str
    retryable: bool


class ProgressView(BaseModel):
    """`fraction` of the whole (0 to 1); `done` of `total` units in `stage`."""

    fraction: float
    stage: str
    done: int
    total: int


class QueueView(BaseModel):
    """`position` counts the tasks ahead of the same project, type and model, null while waiting for another try.
    `eta_s` is about how long it is until the task starts, null when something else than the queue decides.
    """

    position: int | None
    eta_s: float | None
    paused: Sequence[str] | None = Field(
        None,
        description="What an operator has paused, such as `lane:video`: the task waits until all of it is resumed. "
        "Null in the answer of a submit, where nobody has looked.",
    )
    no_worker: str | None = Field(
        None,
        description="The lane in which the task waits, such as `video@film-a`, while no worker serves it. "
        "The answer of a submit looks for the lanes of pools only.",
    )
    away: Sequence[str] = Field(
        (),
        description="What the task needs and is away, such as `triton`, `r2` or, while it is not loaded, its "
        "`model:echo@2`: it waits until that is there.",
    )


class AttemptView(BaseModel):
    """One run that has ended."""

    epoch: int
    worker: str
    started_at: Time
    ended_at: Time
    error: ErrorView | None


class OutputView(BaseModel):
    """A file that the task made; `url` works without a key, for a while."""

    name: str
    url: str
    content_type: str
    size_bytes: int
    sha256: str


class TaskSummary(BaseModel):
    """A task as lists show it."""

    id: str
    type: str
    status: ShownStatus
    project: str
    priority: Priority
    input: Mapping[str, Any] | None
    params: Mapping[str, Any]
    labels: Mapping[str, Any]
    progress: ProgressView
    result: Mapping[str, Any] | None
    result_url: str | None = Field(None, description="Where the result is, if it has more than 16 kB.")
    error: ErrorView | None
    usage: Mapping[str, Any]
    generation: int
    follows: str | None = Field(description="The task whose run does the work of this one, with `dedupe`.")
    created_at: Time
    started_at: Time | None
    ended_at: Time | None
    expires_at: Time | None = Field(
        description="When it goes with its files, once it has ended; null where the node's own retention decides."
    )
    links: Mapping[str, str] = Field(description="`self` always; `cancel` and `retry` while they are possible.")


class TaskView(TaskSummary):
    """A task, whole."""

    model_config = ConfigDict(json_schema_extra={"examples": [TASK_EXAMPLE]})

    queue: QueueView | None = Field(description="Null unless the task is queued.")
    attempts: list[AttemptView]
    outputs: list[OutputView]
    storage: Literal["fallback"] | None = Field(
        None, description="`fallback` while files lie in a second store, until they are moved to where they belong."
    )


class TaskList(BaseModel):
    """Newest first. `next` is the `cursor` of the next page."""

    items: list[TaskSummary]
    next: str | None


class LineView(BaseModel):
    """A line of a task's log. `id` is that of the `log` event."""

    id: str
    at: Time
    level: str
    event: str
    fields: Mapping[str, Any]


class LogView(BaseModel):
    """The log of a task, oldest line first."""

    items: list[LineView]


class TaskTypeView(BaseModel):
    """A task type of this node. `params` is a JSON Schema."""

    name: str
    summary: str
    lane: str
    accepts: list[str]
    params: Mapping[str, Any]


class TaskTypeList(BaseModel):
    """Every task type of this node."""

    items: list[TaskTypeView]


class CheckView(BaseModel):
    """Whether one dependency is fit to serve, and if not, why."""

    ok: bool
    detail: str


class ReadinessView(BaseModel):
    """Ready only when every check is."""

    status: Literal["ready", "not_ready"]
    checks: dict[str, CheckView]
    warnings: dict[str, str] = Field(
        description="What is not as it should be, yet no reason to send requests elsewhere, such as a pause."
    )


class FieldProblem(BaseModel):
    """What is wrong with one field. `code` tells of what kind it is, where one answer names several tasks."""

    field: str
    message: str
    code: str | None = None


class Problem(BaseModel):
    """RFC 9457 problem details. Programs read `code`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:orchestrator:problem:invalid_params",
                    "title": "Unprocessable Entity",
                    "status": 422,
                    "code": "invalid_params",
                    "detail": "the parameters do not fit image.upscale",
                    "errors": [{"field": "params.scale", "message": "Input should be 2 or 4"}],
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    code: str = Field(json_schema_extra={"enum": list(CODES)})
    detail: str
    retry_after_s: float | None = None
    task_id: str | None = Field(None, description="Only with `outcome_unknown`: the task that may exist.")
    errors: list[FieldProblem] | None = None
