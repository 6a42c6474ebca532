"""`/v1/tasks`: submit, look, cancel, retry.

Clients submit and look all the time: those two ask FastAPI for the caller only, who is in OpenAPI, and take the rest
from the request. Each thing that it is asked for costs about 20 µs.
"""

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from orchestrator.api.deps import Parts, TaskReader, TaskWriter, parts_of
from orchestrator.api.inputs import IDEMPOTENCY_KEY, ChangeBody, ListQuery, RetryBody, SubmitBody
from orchestrator.api.problems import AUTHENTICATED, OF_ONE_THING, RETRIES, SUBMITS, problem_docs
from orchestrator.api.schemas import TaskList, TaskView
from orchestrator.api.views import describe_submitted, render_submitted, render_summary, render_task, task_url
from orchestrator.api.waiting import Prefer, patience_of
from orchestrator.domain.project import Project
from orchestrator.wiring.api_parts import ApiParts

router = APIRouter(prefix="/v1/tasks", tags=["tasks"])

TaskId = Annotated[str, Path(pattern=r"^[a-z0-9_]{1,64}$", examples=["task_01kb2n9x6c8q4v7t3m5w1z0hds"])]
IdempotencyKey = Annotated[
    str | None,
    Header(pattern=IDEMPOTENCY_KEY, description="Send the same key with every repeat of the same submit."),
]

SUBMIT_DOCS = {
    **problem_docs(SUBMITS),
    int(HTTPStatus.OK): {"model": TaskView, "description": "The task has ended while you waited (`Prefer: wait=n`)."},
}


@router.post("", status_code=HTTPStatus.ACCEPTED, responses=SUBMIT_DOCS, response_model=TaskView)
async def submit(
    body: SubmitBody,
    caller: TaskWriter,
    *,
    request: Request,
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> Response:
    """Record a task. The answer comes when it is safely on disk; a repeat gets the task of the first submit."""
    parts, patience = parts_of(request), patience_of(request, prefer)
    asked = body.parse(caller.project, idempotency_key=idempotency_key)
    describe = partial(describe_submitted, workers=parts.workers)
    receipt = await run_in_threadpool(parts.submit.submit, asked, describe=describe)
    headers = {"Location": task_url(receipt.task_id)}
    if receipt.replayed:
        headers["Idempotency-Replayed"] = "true"
    waited = await patience.wait_for(receipt.task) if receipt.task else None
    if waited is None or not waited.headers:
        return _json(render_submitted(receipt), status=HTTPStatus.ACCEPTED, headers=headers)
    status = HTTPStatus.OK if waited.task.status.is_terminal else HTTPStatus.ACCEPTED
    view = await run_in_threadpool(render_task, waited.task, parts, cdn_url=caller.project.cdn_url)
    return _answer(view, status=status, headers={**headers, **waited.headers})


@router.get("", responses=problem_docs(AUTHENTICATED))
def list_tasks(caller: TaskReader, parts: Parts, asked: Annotated[ListQuery, Query()]) -> TaskList:
    """The project's tasks, newest first. Queue, attempts and outputs are on each task's own page."""
    page = parts.reads.list(caller.project.slug, asked.where, limit=asked.limit, cursor=asked.cursor)
    return TaskList(items=[render_summary(task) for task in page.items], next=page.next)


@router.get("/{task_id}", responses=problem_docs(OF_ONE_THING), response_model=TaskView)
async def get(task_id: TaskId, caller: TaskReader, *, request: Request, prefer: Prefer = None) -> Response:
    """One task, with URLs of its outputs that are made now."""
    parts, patience = parts_of(request), patience_of(request, prefer)
    if patience.wait_s == 0:
        return await run_in_threadpool(_look, caller.project, task_id, parts=parts)
    waited = await patience.wait_for(await run_in_threadpool(parts.reads.get, caller.project.slug, task_id))
    view = await run_in_threadpool(render_task, waited.task, parts, cdn_url=caller.project.cdn_url)
    return _answer(view, headers=waited.headers)


@router.post("/{task_id}/cancel", status_code=HTTPStatus.ACCEPTED, responses=problem_docs(OF_ONE_THING))
def cancel(task_id: TaskId, caller: TaskWriter, parts: Parts) -> TaskView:
    """End a queued task now, ask a running one to stop. A task that has ended is answered as it is."""
    return render_task(parts.operations.cancel.cancel(caller.project, task_id), parts, cdn_url=caller.project.cdn_url)


@router.post("/{task_id}/retry", status_code=HTTPStatus.ACCEPTED, responses=problem_docs(RETRIES))
def retry(task_id: TaskId, caller: TaskWriter, parts: Parts, body: RetryBody | None = None) -> TaskView:
    """Queue a failed or canceled task again, as its next generation with fresh budgets.

    What was made and could not be stored is stored, and not made again.
    """
    asked = body or RetryBody()
    task = parts.operations.resubmit.resubmit(
        caller.project, task_id, generation=asked.generation, from_stage=asked.from_stage
    )
    return render_task(task, parts, cdn_url=caller.project.cdn_url)


@router.patch("/{task_id}", responses=problem_docs(RETRIES))
def change(task_id: TaskId, caller: TaskWriter, parts: Parts, body: ChangeBody) -> TaskView:
    """Change the priority or the labels of a queued task: it stands where it would, had it been submitted so. Of any
    task, when it goes.
    """
    task = parts.operations.change.change(
        caller.project, task_id, priority=body.priority, labels=body.labels, expires_at_ms=body.expires_at_ms
    )
    return render_task(task, parts, cdn_url=caller.project.cdn_url)


@router.delete("/{task_id}", status_code=HTTPStatus.NO_CONTENT, responses=problem_docs(OF_ONE_THING))
def delete(task_id: TaskId, caller: TaskWriter, parts: Parts) -> None:
    """Cancel the task and forget it: nobody sees it again, and its files are removed once it has ended."""
    parts.operations.delete.delete(caller.project, task_id)


def _look(project: Project, task_id: str, *, parts: ApiParts) -> Response:
    return _answer(render_task(parts.reads.get(project.slug, task_id), parts, cdn_url=project.cdn_url))


def _answer(
    view: TaskView, *, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> Response:
    """Rendered here: FastAPI would take a second trip to the pool, to validate what pydantic has made."""
    return _json(view.model_dump_json(), status=status, headers=headers)


def _json(text: str, *, status: HTTPStatus, headers: Mapping[str, str] | None = None) -> Response:
    return Response(text, status, headers, media_type="application/json")
