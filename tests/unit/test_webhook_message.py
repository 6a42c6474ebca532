"""What receivers are told: small bodies with only what belongs to the event, and ids that repeats share."""

import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.errors import Category
from orchestrator.domain.task import Artifact, Priority, Status, Task, TaskEvent
from orchestrator.domain.webhook_message import MOST_BYTES, message_id, render_event

TASK = Task(
    id="task_1",
    project="film-a",
    type="image.upscale",
    lane="image",
    model="m",
    status=Status.SUCCEEDED,
    priority=Priority.NORMAL,
    generation=2,
    epoch=3,
    input={"url": "https://media.example/a?sig=secret"},
    params={"scale": 4},
    labels={"shot": "12b"},
    created_at_ms=0,
    updated_at_ms=0,
    predicted_s=1.0,
    outputs=(Artifact("up.png", "projects/film-a/tasks/task_1/3-r/up.png", "image/png", 9, "ab"),),
    result={"width": 2048},
    usage={"gpu_s": 0.5},
)


def event(kind: str, data: dict[str, Any] | None = None, *, seq: int = 7) -> TaskEvent:
    return TaskEvent(2, seq, kind, 1_795_392_000_041, data or {})


def told(kind: str, data: dict[str, Any] | None = None, *, task: Task = TASK) -> Any:  # noqa: ANN401 - its JSON
    return json.loads(render_event(task, event(kind, data), links_to="https://api.example/"))


def test_a_success_has_everything_but_urls() -> None:
    assert told("succeeded", {"width": 2048}) == {
        "type": "task.succeeded",
        "timestamp": "2026-11-23T00:00:00.041Z",
        "data": {
            "id": "task_1",
            "project": "film-a",
            "type": "image.upscale",
            "status": "succeeded",
            "generation": 2,
            "seq": 7,
            "labels": {"shot": "12b"},
            "result": {"width": 2048},
            "outputs": [{"name": "up.png", "content_type": "image/png", "size_bytes": 9, "sha256": "ab"}],
            "usage": {"gpu_s": 0.5},
            "links": {"self": "https://api.example/v1/tasks/task_1"},
        },
    }


def test_of_a_task_that_has_gone_on_only_what_belongs_to_the_event_is_told() -> None:
    running = told("running", {"epoch": 3, "worker": "gpu-1:411:9"})["data"]
    assert (running["status"], running["epoch"]) == ("running", 3)
    assert not {"result", "outputs", "usage", "worker"} & set(running)
    assert told("queued")["data"]["status"] == "queued"
    assert told("queued", {"reason": "resubmitted"})["data"]["reason"] == "resubmitted"


def test_a_failure_says_why_and_so_does_another_try() -> None:
    error = {"code": "gpu_oom", "category": Category.GPU_MEMORY, "message": "full", "retryable": True, "inner": "x"}
    for kind in ("failed", "queued"):
        assert told(kind, error)["data"]["error"] == {name: error[name] for name in list(error)[:4]}


def test_progress_is_of_a_running_task() -> None:
    progress = told("progress", {"fraction": 0.5, "stage": "infer", "done": 1, "total": 2, "eta": 9})
    assert (progress["type"], progress["data"]["status"]) == ("task.progress", "running")
    assert progress["data"]["progress"] == {"fraction": 0.5, "stage": "infer", "done": 1, "total": 2}


def test_what_is_too_much_is_left_out_and_named() -> None:
    large = replace(TASK, result={"words": "ü" * 30_000})
    data = told("succeeded", task=large)["data"]
    assert data["truncated"] == ["result"]
    assert data["outputs"]
    many = replace(large, outputs=TASK.outputs * 1000, labels={"a": "🎬" * 6000})
    data = told("succeeded", task=many)["data"]
    assert data["truncated"] == ["result", "outputs", "labels"]
    assert data["links"] == {"self": "https://api.example/v1/tasks/task_1"}


@given(
    labels=st.dictionaries(st.text(min_size=1, max_size=64), st.text(max_size=256), max_size=32),
    words=st.integers(0, 40_000),
    outputs=st.integers(0, 200),
)
def test_no_body_is_larger_than_receivers_take(labels: dict[str, str], words: int, outputs: int) -> None:
    task = replace(TASK, labels=labels, result={"text": "x" * words}, outputs=TASK.outputs * outputs)
    body = render_event(task, event("succeeded"), links_to="")
    assert len(body) < MOST_BYTES
    told = json.loads(body)["data"]
    assert told.get("labels", labels) == labels


def test_an_id_is_of_one_event_for_one_destination() -> None:
    first = message_id("task_1", "webhook:whk_1", event=event("running"))
    assert first == message_id("task_1", "webhook:whk_1", event=event("running", {"epoch": 9}))
    assert first.startswith("msg_")
    others = [
        message_id("task_2", "webhook:whk_1", event=event("running")),
        message_id("task_1", "webhook:task", event=event("running")),
        message_id("task_1", "webhook:whk_1", event=event("running", seq=8)),
        message_id("task_1", "webhook:whk_1", event=replace(event("running"), generation=1)),
        message_id("task_1", "webhook:whk_1", event=event("progress")),
        message_id("task_1", "webhook:whk_1", event=replace(event("progress"), at_ms=1)),
    ]
    assert len({first, *others}) == 7
