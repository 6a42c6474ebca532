"""Tasks as clients see them: from the record to the shapes of `schemas.py`."""

from typing import Any

from orchestrator.api.schemas import (
    AttemptView,
    ErrorView,
    OutputView,
    ProgressView,
    QueueView,
    ShownStatus,
    TaskSummary,
    TaskView,
)
from orchestrator.api.times import time_of, time_or_none
from orchestrator.domain.errors import OrchestratorError
from orchestrator.domain.media_input import show_input
from orchestrator.domain.stored_result import find_stored, show_result
from orchestrator.domain.task import Artifact, Attempt, Failure, Move, Status, Task, allows
from orchestrator.domain.timestamp import timestamp
from orchestrator.ports.forecast import Place
from orchestrator.ports.intake import Receipt
from orchestrator.ports.lane_workers import LaneWorkers
from orchestrator.wiring.api_parts import ApiParts

NOT_READY = QueueView(position=None, eta_s=None)


def render_summary(task: Task) -> TaskSummary:
    """What the record alone tells: lists ask nothing more per task."""
    return TaskSummary(**_record(task))


def describe_submitted(task: Task, workers: LaneWorkers) -> str:
    """A task as it was recorded, as JSON, without the time of the submit (`render_submitted`). Nothing is looked up,
    but whether a pool has a worker.

    It is kept under an Idempotency-Key, so a repeat gets what this version said, whichever answers then.
    """
    queue = NOT_READY if task.pool is None or _are_there(workers, task.waits_in) else _waits_for(task.waits_in)
    view = TaskView(**_record(task), queue=queue, attempts=[], outputs=[])
    return view.model_dump_json(exclude={"created_at"})


def _are_there(workers: LaneWorkers, lane: str) -> bool:
    try:
        return workers.serve(lane)
    except OrchestratorError:
        return True  # what nobody knows is no reason to refuse the task


def _waits_for(lane: str) -> QueueView:
    return QueueView(position=None, eta_s=None, no_worker=lane)


def render_submitted(receipt: Receipt) -> str:
    """The body of the answer to a submit: what was said of the task, and the time."""
    return f'{receipt.answer[:-1]},"created_at":"{timestamp(receipt.created_at_ms)}"}}'


def render_task(task: Task, parts: ApiParts, *, cdn_url: str | None) -> TaskView:
    """The whole view: its attempts, its place in the queue, and URLs that are made now, at the project's CDN if it
    has one.
    """
    return TaskView(
        **_record(task),
        queue=_queue(task, parts),
        attempts=_attempts(task, parts),
        outputs=[_output(artifact, parts, cdn_url=cdn_url) for artifact in task.outputs],
        storage="fallback" if _is_displaced(task) else None,
    )


def _is_displaced(task: Task) -> bool:
    large = find_stored(task.result)
    return any(file.store for file in task.outputs) or (large is not None and bool(large.store))


def task_url(task_id: str) -> str:
    return f"/v1/tasks/{task_id}"


def _record(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "type": task.type,
        "status": _status(task),
        "project": task.project,
        "priority": task.priority,
        "input": show_input(task.input) or None,
        "params": task.params,
        "labels": task.labels,
        "progress": ProgressView(
            fraction=1.0 if task.status is Status.SUCCEEDED else task.progress.fraction,
            stage=task.progress.stage,
            done=task.progress.done,
            total=task.progress.total,
        ),
        **show_result(task.id, task.result),
        "error": _error(task.error),
        "usage": task.usage,
        "generation": task.generation,
        "follows": task.follows,
        "created_at": time_or_none(task.created_at_ms),
        "started_at": time_or_none(task.started_at_ms),
        "ended_at": time_or_none(task.ended_at_ms),
        "expires_at": time_or_none(task.expires_at_ms),
        "links": _links(task),
    }


def _status(task: Task) -> ShownStatus:
    return "canceling" if task.is_canceling else task.status.value


def _links(task: Task) -> dict[str, str]:
    links = {"self": task_url(task.id)}
    if not task.status.is_terminal:
        links["cancel"] = f"{task_url(task.id)}/cancel"
    if allows(task.status, Move.RESUBMIT):
        links["retry"] = f"{task_url(task.id)}/retry"
    return links


def _queue(task: Task, parts: ApiParts) -> QueueView | None:
    if task.status is not Status.QUEUED:
        return None
    place = parts.forecast.place(task)
    return render_place(place) if place else NOT_READY


def render_place(place: Place) -> QueueView:
    return QueueView(
        position=place.position,
        eta_s=place.eta_s,
        paused=place.paused,
        no_worker=place.no_worker,
        away=place.away,
    )


def _attempts(task: Task, parts: ApiParts) -> list[AttemptView]:
    """Not asked for before a first run has ended: that is when clients poll."""
    in_first_run = task.status is Status.RUNNING and task.epoch == 1
    if task.epoch == 0 or in_first_run:
        return []
    return [_attempt(attempt) for attempt in parts.reads.attempts(task.id)]


def _attempt(attempt: Attempt) -> AttemptView:
    return AttemptView(
        epoch=attempt.epoch,
        worker=attempt.worker,
        started_at=time_of(attempt.started_at_ms),
        ended_at=time_of(attempt.ended_at_ms),
        error=_error(attempt.error),
    )


def _output(artifact: Artifact, parts: ApiParts, *, cdn_url: str | None) -> OutputView:
    return OutputView(
        name=artifact.name,
        url=_signed(artifact, parts) if artifact.store or not cdn_url else f"{cdn_url.rstrip('/')}/{artifact.key}",
        content_type=artifact.content_type,
        size_bytes=artifact.size_bytes,
        sha256=artifact.sha256,
    )


def _signed(artifact: Artifact, parts: ApiParts) -> str:
    filename = artifact.name.rpartition("/")[2]
    storage = parts.fallback if artifact.store and parts.fallback else parts.storage
    return storage.sign_get(artifact.key, expires_s=parts.url_expires_s, filename=filename).url


def _error(failure: Failure | None) -> ErrorView | None:
    if failure is None:
        return None
    return ErrorView(code=failure.code, category=failure.category, message=failure.message, retryable=failure.retryable)
