"""What a receiver is told: the body of a message, and the id by which it knows one that comes again.

A body is small, whatever the task has made: what is left out is named in `truncated`, and `links.self` has it all.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from orchestrator.domain.stored_result import show_result
from orchestrator.domain.task import Artifact, Status, Task, TaskEvent
from orchestrator.domain.timestamp import timestamp
from orchestrator.domain.webhook import Endpoint, EventType

MOST_BYTES = 20_000  # the specification asks for less
OUTPUT = ("name", "content_type", "size_bytes", "sha256")
LEFT_OUT_FIRST = ("result", "outputs", "labels", "error")


def message_id(task_id: str, destination: str, *, event: TaskEvent) -> str:
    """The same at every try of one event for one destination, and no other's. Progress has no number of its own."""
    told = [task_id, destination, event.generation, event.seq, event.type]
    if event.type == EventType.PROGRESS.word:
        told.append(event.at_ms)
    return f"msg_{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]}"


def render_event(task: Task, event: TaskEvent, *, links_to: str) -> bytes:
    """The body that tells of ``event``. ``task`` may have gone on since: only what belongs to the event is told."""
    data = {
        "id": task.id,
        "project": task.project,
        "type": task.type,
        "status": _status(event),
        "generation": event.generation,
        "seq": event.seq,
        "labels": task.labels,
        **_details(task, event),
        "links": {"self": f"{links_to.rstrip('/')}/v1/tasks/{task.id}"},
    }
    body = {"type": f"task.{event.type}", "timestamp": timestamp(event.at_ms), "data": data}
    return _bounded(body)


def render_ping(endpoint: Endpoint, *, at_ms: int) -> bytes:
    """The body of a message that only asks whether anybody is there."""
    data = {"webhook": endpoint.id, "project": endpoint.project}
    return _rendered({"type": "webhook.ping", "timestamp": timestamp(at_ms), "data": data})


def _status(event: TaskEvent) -> str:
    return Status.RUNNING if event.type == EventType.PROGRESS.word else event.type


def _details(task: Task, event: TaskEvent) -> dict[str, Any]:
    """Only what is documented goes out; the story itself has more."""
    said = event.data
    if event.type == EventType.PROGRESS.word:
        return {"progress": _some(said, ("fraction", "stage", "done", "total"))}
    if event.type == Status.RUNNING:
        return _some(said, ("epoch",))
    if event.type == Status.SUCCEEDED:
        outputs = [_output(each) for each in task.outputs]
        return {**show_result(task.id, task.result), "outputs": outputs, "usage": dict(task.usage)}
    return (
        {"error": _some(said, ("code", "category", "message", "retryable"))}
        if "code" in said
        else _some(said, ("reason",))
    )


def _output(artifact: Artifact) -> dict[str, Any]:
    """Without a URL: one that is signed now has ended when a message comes late."""
    return _some(asdict(artifact), OUTPUT)


def _some(data: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: data[name] for name in names if name in data}


def _bounded(body: Mapping[str, Any]) -> bytes:
    rendered, left_out = _rendered(body), list[str]()
    for name in LEFT_OUT_FIRST:
        if len(rendered) < MOST_BYTES:
            break
        if body["data"].pop(name, None):
            left_out.append(name)
            body["data"]["truncated"] = left_out
            rendered = _rendered(body)
    return rendered


def _rendered(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
