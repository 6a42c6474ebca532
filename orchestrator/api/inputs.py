"""The shapes of what clients send, with the examples that OpenAPI shows."""

import json
import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, ConfigDict, Field

from orchestrator.api.bodies import InputBody, Request
from orchestrator.api.webhook_shapes import ReceiverBody
from orchestrator.domain.from_stage import FromStage
from orchestrator.domain.project import Project
from orchestrator.domain.task import Priority, Status
from orchestrator.pipelines.submission import SubmitRequest
from orchestrator.ports.reads import TaskFilter

TYPE_NAME = r"^[a-z0-9_]+(\.[a-z0-9_]+)*$"
LABEL = r"^[A-Za-z0-9_./-]{1,64}:[^\x00-\x1f]{0,256}$"
CURSOR = r"^[0-9]{1,14}-[0-9]{1,10}$"  # of a project it begins with a time: one of the calendar
IDEMPOTENCY_KEY = r"^[\x21-\x7e]{1,255}$"
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]")
MOST_DEPTH = 32
EXPIRES = "Once it has ended, the task goes with its files at this time, unless its retention is over before."


def _plain_json(value: dict[str, Any]) -> dict[str, Any]:
    if not _is_within(value, MOST_DEPTH):
        raise ValueError(f"must not be nested deeper than {MOST_DEPTH}")
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:
        raise ValueError("must be plain JSON: finite numbers and whole Unicode characters") from None
    return value


def _is_within(value: object, depth: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth > 0 and all(_is_within(part, depth - 1) for part in inner)


def _written_out(value: object) -> object:
    """Pydantic would take a number for seconds since 1970, which no schema says."""
    if isinstance(value, int | float) or (isinstance(value, str) and not DATE.match(value)):
        raise ValueError("must be a time as in RFC 3339, such as 2026-11-23T00:21:12Z")
    return value


Instant = Annotated[AwareDatetime, BeforeValidator(_written_out)]
JsonDocument = Annotated[dict[str, Any], AfterValidator(_plain_json)]
TypeName = Annotated[str, Field(pattern=TYPE_NAME, max_length=64)]
LabelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_./-]{1,64}$")]
LabelValue = Annotated[str, Field(max_length=256)]
PageCursor = Annotated[str, Field(max_length=512)]  # any text is a place in the order of a list


class SubmitBody(Request):
    """A task to run."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "image.upscale",
                    "input": {"object": "projects/film-a/uploads/upload_01m8…/still.png"},
                    "params": {"scale": 4},
                    "labels": {"shot": "12b"},
                },
                {"type": "video.shots", "input": {"url": "https://media.example.com/dailies/a003.mp4"}},
                {"type": "system.echo", "params": {"size_bytes": 1024}},
            ]
        }
    )

    type: TypeName = Field(description="One of `GET /v1/task-types`.")
    input: InputBody | None = Field(None, description="Required by types that accept media, refused by the others.")
    params: JsonDocument = Field(default_factory=dict, description="Checked against the schema of the type.")
    labels: dict[LabelName, LabelValue] = Field(
        default_factory=dict,
        max_length=32,
        description="Yours; shown, never read, but for `payload_document`: the CMS document that shows the task.",
    )
    priority: Priority = Field(Priority.NORMAL, description="A head start in the queue, not a class of its own.")
    start_by_s: float | None = Field(
        None,
        strict=True,
        gt=0,
        le=30 * 86400,
        description="Fail the task if no run has begun within this many seconds.",
    )
    run_for_s: float | None = Field(
        None, strict=True, gt=0, le=7 * 86400, description="The longest that one run may take."
    )
    dedupe: Literal["content"] | None = Field(
        None,
        description="`content`: end as a task of the project that does or has done the same, instead of running. Needs "
        "`input.sha256`, unless the input is inline.",
    )
    expires_at: Instant | None = Field(None, description=EXPIRES)
    webhook: ReceiverBody | None = Field(None, description="Whom to tell of this task, beside the project's endpoints.")

    def parse(self, project: Project, *, idempotency_key: str | None = None) -> SubmitRequest:
        return SubmitRequest(
            project=project,
            type=self.type,
            input=self.input.parse() if self.input else None,
            params=self.params,
            labels=self.labels,
            priority=self.priority,
            idempotency_key=idempotency_key,
            start_by_s=self.start_by_s,
            run_for_s=self.run_for_s,
            dedupe=self.dedupe is not None,
            webhook=self.webhook.parse() if self.webhook else None,
            expires_at_ms=_milliseconds(self.expires_at),
        )


class Filters(Request):
    """Which tasks; a misspelt filter is an error, not all of them."""

    status: Status | None = Field(None, description="`running` includes tasks shown as `canceling`.")
    type: TypeName | None = Field(None, description="Only this task type.")
    created_after: Instant | None = Field(None, description="Submitted later than this.")
    created_before: Instant | None = Field(None, description="Submitted earlier than this.")
    label: list[Annotated[str, Field(pattern=LABEL)]] = Field(
        default_factory=list, max_length=8, description="`name:value`; a task must have each one that is given."
    )

    @property
    def where(self) -> TaskFilter:
        return TaskFilter(
            status=self.status,
            type=self.type,
            created_after_ms=_milliseconds(self.created_after),
            created_before_ms=_milliseconds(self.created_before),
            labels=dict(label.split(":", 1) for label in self.label),
        )


def _milliseconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp() * 1000)


class ListQuery(Filters):
    """Which tasks to list, and which page of them."""

    limit: int = Field(20, ge=1, le=100, description="The size of a page.")
    cursor: PageCursor | None = Field(None, description="`next` of the page before.")


class FollowQuery(Request):
    """Where a stream of events begins, and whether it waits for more."""

    after: Annotated[str, Field(pattern=CURSOR)] | None = Field(
        None, description="Only events after the one with this `id`; without it a task's whole story."
    )
    follow: bool = Field(default=True, description="`false` answers with what there is.")


class ChangeBody(Request):
    """What to change of a queued task, or when any task goes; what is absent stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"priority": "high", "labels": {"shot": "12c"}}]})

    priority: Priority | None = None
    labels: Annotated[dict[LabelName, LabelValue], Field(max_length=32)] | None = None
    expires_at: Instant | None = Field(None, description=f"{EXPIRES} Null: when its retention is over.")

    @property
    def expires_at_ms(self) -> int | None:
        """None leaves what is, zero is no time of its own."""
        if "expires_at" not in self.model_fields_set:
            return None
        return _milliseconds(self.expires_at) or 0


class RetryBody(Request):
    """Which generation to retry, and from where."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"generation": 1}, {"from_stage": "infer"}]})

    generation: int | None = Field(
        None, strict=True, ge=1, le=2**31, description="The generation that you saw fail; the current one when absent."
    )
    from_stage: FromStage | None = Field(
        None,
        description="`fetch` or `infer` make everything anew, `store` only stores what was made. "
        "When absent, it goes on with the stage that failed.",
    )
