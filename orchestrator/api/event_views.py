"""Events as clients see them: names, and data that says which task, when, and what."""

from collections.abc import AsyncGenerator, Iterator
from typing import Any

from orchestrator.api.event_stream import HEARTBEAT, HEARTBEAT_S, render_frame, render_opening
from orchestrator.domain.stored_result import show_result
from orchestrator.domain.task import TERMINAL, Status, Task, TaskEvent
from orchestrator.domain.timestamp import timestamp
from orchestrator.ports.feed import GAP, Following, Told

PROGRESS = ("fraction", "stage", "done", "total")
OUTPUT = ("name", "content_type", "size_bytes", "sha256")
ERROR = ("code", "category", "message", "retryable")
LINE = ("level", "event", "fields")


async def frames_of_task(following: Following, task: Task) -> AsyncGenerator[bytes, None]:
    """An earlier generation's end is history; that of the generation that was seen is the end."""
    yield render_opening()
    while True:
        told = await following.next(within_s=HEARTBEAT_S)
        if told is None:
            yield HEARTBEAT
            continue
        yield b"".join(render_told(told))
        if told.event.type in TERMINAL and told.event.generation >= task.generation:
            return


async def frames_of_project(following: Following, cursor: str) -> AsyncGenerator[bytes, None]:
    yield render_opening(cursor)
    while True:
        told = await following.next(within_s=HEARTBEAT_S)
        yield b"".join(render_told(told)) if told else HEARTBEAT


def render_told(told: Told) -> Iterator[bytes]:
    """The frames of what happened: mostly one. Only the last has the id, so that all of them come again or none."""
    name, details = _details(told)
    for number, detail in enumerate(details, 1):
        cursor = told.cursor if number == len(details) else None
        yield render_frame(name, {**_head(told), **detail}, cursor=cursor)


def render_line(event: TaskEvent) -> dict[str, Any]:
    """A line of a task's log."""
    return {"id": f"{event.generation}-{event.seq}", "at": timestamp(event.at_ms), **_some(event.data, LINE)}


def _head(told: Told) -> dict[str, Any]:
    event = told.event
    """A gap in the story of a project is of no task, and where nothing is left, of no time."""
    whose = {"task_id": told.task_id, "generation": event.generation} if told.task_id else {}
    return {**whose, **({"at": timestamp(event.at_ms)} if event.at_ms else {})}


def _details(told: Told) -> tuple[str, list[dict[str, Any]]]:
    """Foreign names stay inside: only what is documented goes out."""
    event, data = told.event, told.event.data
    if event.type == "progress":
        return "progress", [_some(data, PROGRESS)]
    if event.type == GAP:
        return "gap", [dict(data)]
    if event.type == "log":
        return "log", [_some(data, LINE)]
    if event.type == "output":
        return "output", [_some(output, OUTPUT) for output in data["outputs"]]
    return "status", [{"status": event.type, **_reason(told)}]


def _reason(told: Told) -> dict[str, Any]:
    """What a change of status says besides; the story of a project says nothing."""
    status, data = told.event.type, told.event.data
    if not data:
        return {}
    if status == Status.RUNNING:
        return {"epoch": data["epoch"]}
    if status == Status.SUCCEEDED:
        return show_result(told.task_id, data)
    if "code" in data:
        return {"error": _some(data, ERROR)}
    return {"reason": data["reason"]}


def _some(data: Any, names: tuple[str, ...]) -> dict[str, Any]:  # noqa: ANN401 - the JSON of an event
    return {name: data[name] for name in names if name in data}
