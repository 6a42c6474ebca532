"""`/v1/pauses`: what may not be claimed now. Operators pause and resume anything, a project pauses its own tasks."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.bodies import Request
from orchestrator.api.deps import Parts, ProjectAdmin, TaskWriter
from orchestrator.api.problems import AUTHENTICATED, WITH_BODY, problem_docs
from orchestrator.api.times import Time, time_of
from orchestrator.domain.api_key import Caller, Scope
from orchestrator.domain.pause import NAME, Kind, Pausable, Pause

router = APIRouter(tags=["pauses"])

What = Annotated[str, Path(pattern=rf"^({'|'.join(Kind)}):{NAME.pattern}$", max_length=140, examples=["lane:video"])]


class PauseBody(Request):
    """Why, for whoever looks at it next."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "driver update on gpu-1"}]})

    reason: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f]*$")] = ""


class PauseView(BaseModel):
    """A pause. `by` is the id of an API key; `by_operator` says that the project itself cannot resume it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "what": "lane:video",
                    "since": "2026-11-23T00:21:12.041Z",
                    "by": "key_01m82wee72bfd54k32vk1sb59e",
                    "by_operator": True,
                    "reason": "driver update on gpu-1",
                }
            ]
        }
    )

    what: str
    since: Time
    by: str
    by_operator: bool
    reason: str


class PauseList(BaseModel):
    """Everything that is paused."""

    items: list[PauseView]


class ResumedView(BaseModel):
    """What was paused until now; null if nothing was."""

    resumed: PauseView | None


@router.get("/v1/pauses", responses=problem_docs(AUTHENTICATED))
def list_pauses(_: ProjectAdmin, parts: Parts) -> PauseList:
    """Everything that is paused: since when, by whom and why."""
    return PauseList(items=[render_pause(pause) for pause in parts.operations.pauses.list()])


@router.put("/v1/pauses/{what}", responses=problem_docs((*WITH_BODY, HTTPStatus.NOT_FOUND)))
def pause(caller: ProjectAdmin, what: What, parts: Parts, body: PauseBody | None = None) -> PauseView:
    """Pause a lane, project, type or model. Its tasks are accepted and wait; what runs goes on."""
    reason = body.reason if body else ""
    return render_pause(parts.operations.pause.pause(Pausable.parse(what), by=caller.key_id, reason=reason))


@router.delete("/v1/pauses/{what}", responses=problem_docs(AUTHENTICATED))
def resume(_: ProjectAdmin, what: What, parts: Parts) -> ResumedView:
    """End a pause. Workers hear of it at once; harmless when nothing is paused."""
    return _render_resumed(parts.operations.resume.resume(Pausable.parse(what)))


@router.post("/v1/tasks:pause", responses=problem_docs(WITH_BODY))
def pause_own(caller: TaskWriter, parts: Parts, body: PauseBody | None = None) -> PauseView:
    """Pause the tasks of the key's own project."""
    reason = body.reason if body else ""
    return render_pause(
        parts.operations.pause.pause(_own(caller), by=caller.key_id, reason=reason, as_operator=_rules(caller))
    )


@router.post("/v1/tasks:resume", responses=problem_docs(AUTHENTICATED))
def resume_own(caller: TaskWriter, parts: Parts) -> ResumedView:
    """Resume them; 403 if an operator has paused the project."""
    return _render_resumed(parts.operations.resume.resume(_own(caller), as_operator=_rules(caller)))


def render_pause(pause: Pause) -> PauseView:
    return PauseView(
        what=str(pause.what),
        since=time_of(pause.since_ms),
        by=pause.by,
        by_operator=pause.by_operator,
        reason=pause.reason,
    )


def _render_resumed(pause: Pause | None) -> ResumedView:
    return ResumedView(resumed=render_pause(pause) if pause else None)


def _own(caller: Caller) -> Pausable:
    return Pausable(Kind.PROJECT, caller.project.slug)


def _rules(caller: Caller) -> bool:
    """Whether it speaks as an operator."""
    return Scope.PROJECTS_ADMIN in caller.scopes
