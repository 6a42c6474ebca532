"""`/v1/tasks/{id}/events`, `/v1/events` and `/v1/tasks/{id}/logs`: what happens, as server-sent events and looked up.

These endpoints are `async` because they hold a connection open; whatever blocks goes to the thread pool (ADR 0029).
"""

from collections.abc import Iterable
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from orchestrator.api.admitted import WhileAdmitted, until_dismissed
from orchestrator.api.deps import Parts, TaskReader
from orchestrator.api.event_stream import (
    EVENT_STREAM,
    HEADERS,
    EventStream,
    OpenStreams,
)
from orchestrator.api.event_views import frames_of_project, frames_of_task, render_line, render_told
from orchestrator.api.inputs import CURSOR, FollowQuery
from orchestrator.api.problems import AUTHENTICATED, OF_ONE_THING, problem_docs
from orchestrator.api.schemas import LogView
from orchestrator.api.tasks import TaskId
from orchestrator.domain.task import TaskEvent
from orchestrator.ports.feed import GAP, Told

router = APIRouter(tags=["events"])

LastEventId = Annotated[
    str | None, Header(pattern=CURSOR, description="The `id` of the last event you got: goes before `after`.")
]
EXAMPLE = """\
retry: 1000

id: 1-2
event: status
data: {"task_id":"task_01m8…","generation":1,"at":"2026-11-23T00:21:12.060Z","status":"running","epoch":1}

event: progress
data: {"task_id":"task_01m8…","generation":1,"at":"2026-11-23T00:21:12.310Z","fraction":0.5,\
"stage":"infer","done":6,"total":12}

"""
FRAME = {
    "type": "object",
    "properties": {
        "event": {"enum": ["status", "progress", "output", "log", "gap"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
        "id": {"type": "string", "pattern": CURSOR},
        "retry": {"type": "integer"},
    },
}
STREAM_DOCS: dict[int | str, dict[str, Any]] = {
    int(HTTPStatus.OK): {
        "description": "Server-sent events: `status`, `progress`, `output`, `log`, `gap`. See docs/http.md.",
        "content": {EVENT_STREAM: {"schema": FRAME, "example": EXAMPLE}},
    },
    int(HTTPStatus.NO_CONTENT): {"description": "Nothing has happened since, and nothing more is to come."},
}


@router.get(
    "/v1/tasks/{task_id}/events",
    response_class=Response,
    responses={**STREAM_DOCS, **problem_docs(OF_ONE_THING)},
)
async def follow_task(
    task_id: TaskId,
    caller: TaskReader,
    parts: Parts,
    request: Request,
    asked: Annotated[FollowQuery, Query()],
    last_event_id: LastEventId = None,
) -> Response:
    """What has happened to the task and what happens from now on, until it has ended."""
    task = await run_in_threadpool(parts.reads.get, caller.project.slug, task_id)
    after = _position(last_event_id or asked.after)
    if task.status.is_terminal or not asked.follow:
        events = await run_in_threadpool(parts.reads.events, task_id, after=after)
        return _history(Told(task_id, event, _cursor_of(event)) for event in events)
    async with AsyncExitStack() as held:
        held.enter_context(_places(request).place(caller.project.slug))
        following = await held.enter_async_context(parts.feed.follow_task(caller.project.slug, task_id, after=after))
        frames = frames_of_task(WhileAdmitted(following, request), task)
        return EventStream(until_dismissed(frames), held.pop_all())


@router.get("/v1/events", response_class=Response, responses={**STREAM_DOCS, **problem_docs(AUTHENTICATED)})
async def follow_project(
    caller: TaskReader,
    parts: Parts,
    request: Request,
    asked: Annotated[FollowQuery, Query()],
    last_event_id: LastEventId = None,
) -> Response:
    """Every change of status of the project's tasks, and their progress; it never ends by itself."""
    after = last_event_id or asked.after
    if not asked.follow:
        return _history(await run_in_threadpool(parts.reads.story, caller.project.slug, after=_position(after)))
    async with AsyncExitStack() as held:
        held.enter_context(_places(request).place(caller.project.slug))
        cursor, following = await held.enter_async_context(parts.feed.follow_project(caller.project.slug, after=after))
        frames = frames_of_project(WhileAdmitted(following, request), cursor)
        return EventStream(until_dismissed(frames), held.pop_all())


@router.get("/v1/tasks/{task_id}/logs", responses=problem_docs(OF_ONE_THING))
def show_log(task_id: TaskId, caller: TaskReader, parts: Parts) -> LogView:
    """What the task's runs said of themselves, oldest first; the latest few hundred lines."""
    parts.reads.get(caller.project.slug, task_id)
    events = parts.reads.events(task_id)
    return LogView.model_validate({"items": [render_line(event) for event in events if event.type == "log"]})


def _places(request: Request) -> OpenStreams:
    places: OpenStreams = request.app.state.streams
    return places


def _position(cursor: str | None) -> tuple[int, int]:
    first, _, second = (cursor or "0-0").partition("-")
    return int(first), int(second)


def _cursor_of(event: TaskEvent) -> str | None:
    return None if event.type == GAP else f"{event.generation}-{event.seq}"


def _history(told: Iterable[Told]) -> Response:
    """All there is. Nothing is 204: it keeps an `EventSource` from coming back for ever (HTML standard, 9.2.3)."""
    frames = [frame for each in told for frame in render_told(each)]
    if not frames:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return Response(b"".join(frames), media_type=EVENT_STREAM, headers=HEADERS)
