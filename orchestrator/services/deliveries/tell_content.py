"""Tell the content system what became of a task: its latest state, as the fields of its one document (ADR 0036)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from orchestrator.domain.content import DOCUMENT_LABEL, ContentNames, DocumentRef
from orchestrator.domain.delivery import Delivery
from orchestrator.domain.errors import Category, Refused
from orchestrator.domain.project import Project
from orchestrator.domain.stored_result import show_result
from orchestrator.domain.task import JsonObject, Status, Task, TaskEvent
from orchestrator.ports.content import ContentSystem, TaskDocument, Version
from orchestrator.ports.projects import Projects

STATUSES = frozenset(Status)
DELETED = "deleted"  # the last line of a task: its document keeps its status, and shows nothing else of its end


class OutputRegister(Protocol):
    """Makes documents of a task's outputs (`services/deliveries/register_outputs.py`)."""

    def __call__(
        self, project: Project, task: Task, *, names: ContentNames, is_repeat: bool
    ) -> Sequence[DocumentRef]: ...


@dataclass(frozen=True, slots=True)
class TellContent:
    """Implements `ports.destinations.Sender` for the destination `payload`."""

    content: ContentSystem
    projects: Projects
    register: OutputRegister

    @property
    def wants_only_latest(self) -> bool:
        return True

    def send(self, delivery: Delivery, task: Task, *, event: TaskEvent) -> str:
        project = self.projects.get(task.project)
        names = project.content
        if names is None:
            message = "the project's tasks are not shown in the CMS any more"
            raise Refused(message, service="payload", category=Category.CMS, code="endpoint_disabled")
        has_ended = _is_now(task, event) and task.status.is_terminal
        outputs = self.register(project, task, names=names, is_repeat=delivery.tries > 0) if has_ended else ()
        if not self.content.put(build_document(task, event, names=names, outputs=outputs)):
            return "shows a later state"
        return f"{event.type}, {len(outputs)} of {len(task.outputs)} outputs" if has_ended else event.type


def build_document(
    task: Task, event: TaskEvent, *, names: ContentNames, outputs: Sequence[DocumentRef] = ()
) -> TaskDocument:
    """The task as of ``event``. What the record says beyond that is left for the event that says so."""
    otherwise = task.status if event.type == DELETED else Status.RUNNING
    status = Status(event.type) if event.type in STATUSES else otherwise
    has_ended = _is_now(task, event) and status.is_terminal
    return TaskDocument(
        names,
        task.id,
        task.type,
        status,
        Version(event.generation, event.seq, task.epoch, _progress(task, event, shown=status)),
        params=task.params,
        result=_shown(task) if has_ended else None,
        error=asdict(task.error) if has_ended and task.error else None,
        outputs=tuple(outputs),
        started_at_ms=None if status is Status.QUEUED else task.started_at_ms,
        ended_at_ms=task.ended_at_ms if has_ended else None,
        own_id=task.labels.get(DOCUMENT_LABEL),
    )


def _shown(task: Task) -> JsonObject | None:
    shown = show_result(task.id, task.result)
    return {"result_url": shown["result_url"]} if "result_url" in shown else shown["result"]


def _is_now(task: Task, event: TaskEvent) -> bool:
    """Whether nothing has happened to the task since."""
    return (event.generation, event.type) == (task.generation, task.status)


def _progress(task: Task, event: TaskEvent, *, shown: Status) -> float:
    if shown is Status.SUCCEEDED:
        return 1.0
    return 0.0 if event.type in {Status.QUEUED, Status.RUNNING} else task.progress.fraction
