"""`/v1/tasks:cancel`, `:retry` and `:reprioritize`: the same to every task that fits a filter, a page a call."""

from collections.abc import Mapping
from typing import Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from orchestrator.api.admin_shapes import Slug
from orchestrator.api.deps import Parts, TaskWriter
from orchestrator.api.inputs import Filters, PageCursor
from orchestrator.api.problems import WITH_BODY, problem_docs
from orchestrator.domain.api_key import Caller, Scope
from orchestrator.domain.task import Priority
from orchestrator.ports.reads import TaskFilter
from orchestrator.services.tasks.change_many import Action, Changed, Wanted

router = APIRouter(prefix="/v1/tasks", tags=["tasks"])

DRY_RUN: JsonDict = {"type": "video.shots", "label": ["shot:12b"], "dry_run": True}


class ManyBody(Filters):
    """Which tasks: the filters of `GET /v1/tasks`. Of them, those to which the call would do anything."""

    model_config = ConfigDict(json_schema_extra={"examples": [DRY_RUN]})

    all: bool = Field(default=False, strict=True, description="Needed where no filter is given.")
    project: Slug | None = Field(None, description="Another project than the key's own takes `projects:admin`.")
    dry_run: bool = Field(default=False, strict=True, description="Only count.")
    cursor: PageCursor | None = Field(None, description="`next` of the answer before.")

    @model_validator(mode="after")
    def _means_it(self) -> Self:
        if self.all != (self.where == TaskFilter()):
            raise ValueError("must have a filter, or all: true and none")
        return self


class PrioritiesBody(ManyBody):
    """Which tasks, and the priority that they get."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"all": True, "priority": "low"}]})

    priority: Priority


class ManyView(BaseModel):
    """What was done to a page of tasks. Go on with `next` until it is null."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "dry_run": False,
                    "matched": 1,
                    "ids": ["task_01m82wee72bfd54k32vk1sb59e"],
                    "outcomes": {"queued": 1},
                    "next": None,
                }
            ]
        }
    )

    dry_run: bool
    matched: int = Field(description="Tasks of this page that fit: 100 at most, 1,000 in a dry run.")
    ids: list[str] = Field(description="The first of them, 20 at most, newest first.")
    outcomes: Mapping[str, int] = Field(description="How many are now what, or the code of what was in the way.")
    next: str | None


@router.post(":cancel", responses=problem_docs(WITH_BODY))
def cancel_many(caller: TaskWriter, body: ManyBody, parts: Parts) -> ManyView:
    """End queued tasks, ask running ones to stop."""
    wanted = _wanted(caller, body, action=Action.CANCEL)
    return _render(parts.operations.many.change(wanted), body)


@router.post(":retry", responses=problem_docs(WITH_BODY))
def retry_many(caller: TaskWriter, body: ManyBody, parts: Parts) -> ManyView:
    """Queue failed and canceled tasks again, each as its next generation."""
    wanted = _wanted(caller, body, action=Action.RETRY)
    return _render(parts.operations.many.change(wanted), body)


@router.post(":reprioritize", responses=problem_docs(WITH_BODY))
def reprioritize_many(caller: TaskWriter, body: PrioritiesBody, parts: Parts) -> ManyView:
    """Give queued tasks another priority."""
    wanted = _wanted(caller, body, action=Action.REPRIORITIZE, priority=body.priority)
    return _render(parts.operations.many.change(wanted), body)


def _wanted(caller: Caller, body: ManyBody, *, action: Action, priority: Priority = Priority.NORMAL) -> Wanted:
    project = body.project or caller.project.slug
    if project != caller.project.slug:
        caller.require(Scope.PROJECTS_ADMIN)
    return Wanted(action, project, body.where, priority, body.dry_run, body.cursor)


def _render(changed: Changed, body: ManyBody) -> ManyView:
    return ManyView(
        dry_run=body.dry_run,
        matched=changed.matched,
        ids=list(changed.ids),
        outcomes=changed.outcomes,
        next=changed.next,
    )
