"""`Client.events` against a server that follows a script: what it asks when it comes back, and when it stops."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from fastapi import FastAPI, Request, Response
from served_api import serve

from orchestrator.client import Client, Event, errors

OPENING = "id: 1-0\nretry: 250\n\n"
QUEUED = 'id: 1-1\nevent: status\ndata: {"task_id":"task_1","status":"queued"}\n\n'
HALF = 'event: progress\ndata: {"task_id":"task_1","fraction":0.5}\n\n: still here\n\n'
CANCELED = 'id: 1-2\nevent: status\ndata: {"task_id":"task_1","status":"canceled"}\n\n'
AGAIN = 'id: 1-3\nevent: status\ndata: {"task_id":"task_1","status":"queued","reason":"resubmitted"}\n\n'
SUCCEEDED = 'id: 1-4\nevent: status\ndata: {"task_id":"task_1","status":"succeeded"}\n\n'
FULL = '{"code":"too_many_streams","detail":"too many","retry_after_s":5}'


@dataclass
class Script:
    """What each connection says, in order, and from where it was asked to go on."""

    connections: list[tuple[int, str]]
    came_from: list[tuple[str, str | None]] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)


@contextmanager
def following(script: Script) -> Iterator[Client]:
    app = FastAPI()

    @app.get("/{path:path}")
    def tell(request: Request, path: str) -> Response:
        script.came_from.append((path, request.headers.get("Last-Event-ID")))
        status, text = script.connections.pop(0)
        return Response(text or None, status_code=status, media_type="text/event-stream")

    with serve(app) as url, Client(url, "key", tries=3, sleep=script.pauses.append) as client:
        yield client


def words(events: Iterator[Event]) -> list[str]:
    return [event.data.get("status", event.name) for event in events]


def test_a_task_s_story_ends_with_the_task() -> None:
    script = Script([(200, OPENING + QUEUED + HALF + SUCCEEDED)])
    with following(script) as client:
        events = list(client.events("task_1"))
    assert words(iter(events)) == ["queued", "progress", "succeeded"]
    assert [event.cursor for event in events] == ["1-1", "1-1", "1-4"]
    assert ({event.task_id for event in events}, events[-1].has_ended) == ({"task_1"}, True)
    assert script.came_from == [("v1/tasks/task_1/events", None)]


def test_a_story_that_breaks_off_is_gone_on_with_after_the_pause_that_the_service_wants() -> None:
    script = Script([(200, OPENING), (200, OPENING + QUEUED + HALF), (200, SUCCEEDED)])
    with following(script) as client:
        assert words(client.events("task_1")) == ["queued", "progress", "succeeded"]
    assert [last for _, last in script.came_from] == [None, "1-0", "1-1"]
    assert script.pauses == [0.25, 0.25]


def test_the_end_of_an_earlier_generation_is_not_the_end() -> None:
    script = Script([(200, QUEUED + CANCELED + AGAIN), (200, SUCCEEDED)])
    with following(script) as client:
        assert words(client.events("task_1")) == ["queued", "canceled", "queued", "succeeded"]


def test_nothing_more_to_tell_is_the_end() -> None:
    script = Script([(204, "")])
    with following(script) as client:
        assert list(client.events("task_1", after="1-4")) == []
    assert script.came_from == [("v1/tasks/task_1/events", "1-4")]


def test_the_story_of_a_project_does_not_end_with_a_task() -> None:
    script = Script([(200, SUCCEEDED), (200, QUEUED), (401, '{"code":"unauthorized","detail":"revoked"}')])
    with following(script) as client:
        events = client.events()
        assert [next(events).data["status"] for _ in range(2)] == ["succeeded", "queued"]
        with pytest.raises(errors.Unauthorized):
            next(events)
    assert script.came_from == [("v1/events", None), ("v1/events", "1-4"), ("v1/events", "1-1")]


def test_a_busy_service_is_asked_again_when_it_says_and_not_for_ever() -> None:
    script = Script([(503, FULL), (503, FULL), (200, QUEUED), *[(503, FULL)] * 13])
    with following(script) as client:
        events = client.events("task_1")
        assert next(events).data["status"] == "queued"
        with pytest.raises(errors.TooManyStreams):
            next(events)
    assert script.pauses == [5, 5, 1.0, *[5] * 12], "a minute: it may be restarted"


def test_a_service_that_was_never_there_is_not_waited_for() -> None:
    script = Script([(503, FULL)] * 3)
    with following(script) as client, pytest.raises(errors.TooManyStreams):
        client.events("task_1")
    assert script.pauses == [5, 5]


def test_an_unknown_task_has_no_story() -> None:
    script = Script([(404, '{"code":"task_not_found","detail":"There is no such task."}')])
    with following(script) as client, pytest.raises(errors.TaskNotFound, match="no such task"):
        client.events("task_1")
    assert script.pauses == []


def test_a_service_that_is_away_is_unreachable() -> None:
    pauses: list[float] = []
    with (
        Client("http://127.0.0.1:9", "key", tries=3, sleep=pauses.append) as client,
        pytest.raises(errors.Unreachable),
    ):
        client.events()
    assert len(pauses) == 2
