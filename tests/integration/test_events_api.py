"""Server-sent events over HTTP, from a real store of records through a real server to a client that reads them."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from feed_room import forget
from front_door import FrontDoor
from sse import Seen, parse_events

from orchestrator.domain.errors import Category
from orchestrator.domain.log_line import LogLine, Said
from orchestrator.domain.retry import Again
from orchestrator.domain.task import Artifact, Failure, Progress, Run
from orchestrator.ports.claims import Beat, Commit

ECHO = {"type": "system.echo"}
LINE = Said(1, 0.5, LogLine("stage.ended", {"stage": "infer", "took_s": 1.5}))
OUTPUTS = tuple(Artifact(name, f"projects/…/{name}", "image/png", 3, "ab12") for name in ("a.png", "b.png"))


@pytest.fixture
def streams() -> int:
    return 4


@contextmanager
def stream(client: httpx.Client, path: str, *, last: str = "") -> Iterator[Iterator[Seen]]:
    headers = {"Last-Event-ID": last} if last else {}
    with client.stream("GET", path, headers=headers, timeout=10) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert (response.headers["cache-control"], response.headers["x-accel-buffering"]) == ("no-cache", "no")
        yield parse_events(response.iter_lines())


def submit(client: httpx.Client) -> str:
    task_id: str = client.post("/v1/tasks", json=ECHO).json()["id"]
    return task_id


def finish(door: FrontDoor, run: Run) -> None:
    door.worker.claims.finish(run, Commit(OUTPUTS, {"ok": True}, {}, actual_s=0.1), lines=[LINE])


class TestTask:
    def test_the_stream_tells_everything_and_ends_with_the_task(self, door: FrontDoor, film_a: httpx.Client) -> None:
        task_id = submit(film_a)
        with stream(film_a, f"/v1/tasks/{task_id}/events") as events:
            assert next(events).data["status"] == "queued"
            run = door.next_run()
            running = next(events)
            assert (running.name, running.data["status"], running.data["epoch"]) == ("status", "running", 1)
            door.worker.claims.beat([Beat(run, Progress("infer", 0.5, 1, 2))])
            progress = next(events)
            assert (progress.name, progress.data["fraction"], progress.cursor) == ("progress", 0.5, running.cursor)
            finish(door, run)
            rest = list(events)
        assert [event.word for event in rest] == ["log", "output", "output", "succeeded"]
        log, first, second, succeeded = rest
        assert (log.data["event"], log.data["fields"]) == ("stage.ended", {"stage": "infer", "took_s": 1.5})
        assert [first.data["name"], second.data["name"]] == ["a.png", "b.png"]
        assert "key" not in first.data, "where it lies is our own affair"
        assert first.cursor == log.cursor, "who leaves between the two gets both again"
        assert (succeeded.data["result"], succeeded.data["generation"]) == ({"ok": True}, 1)
        assert {event.data["task_id"] for event in rest} == {task_id}

    def test_who_comes_back_goes_on_where_he_was(self, door: FrontDoor, film_a: httpx.Client) -> None:
        path = f"/v1/tasks/{submit(film_a)}/events"
        with stream(film_a, path) as events:
            seen = next(events)
        finish(door, door.next_run())
        words = ["running", "log", "output", "output", "succeeded"]
        with stream(film_a, path, last=seen.cursor) as events:
            told = list(events)
            assert [event.word for event in told] == words
        with stream(film_a, f"{path}?after={seen.cursor}") as events:
            assert [event.word for event in events] == words
        gone = film_a.get(path, headers={"Last-Event-ID": told[-1].cursor})
        assert (gone.status_code, gone.content) == (204, b""), "which tells an EventSource to stay away"

    def test_a_retry_is_told_in_the_same_stream(self, door: FrontDoor, film_a: httpx.Client) -> None:
        task_id = submit(film_a)
        failure = Failure("no_answer", Category.NETWORK, "There was no answer.", retryable=True)
        door.worker.claims.fail(door.next_run(), failure, decision=Again(after_s=60, counts=True))
        film_a.post(f"/v1/tasks/{task_id}/cancel")
        film_a.post(f"/v1/tasks/{task_id}/retry")
        with stream(film_a, f"/v1/tasks/{task_id}/events") as events:
            story = [next(events) for _ in range(5)]
            film_a.post(f"/v1/tasks/{task_id}/cancel")
            assert [event.word for event in events] == ["canceled"]
        assert [event.word for event in story] == ["queued", "running", "queued", "canceled", "queued"]
        assert story[2].data["error"] == {
            "code": "no_answer",
            "category": "network",
            "message": "There was no answer.",
            "retryable": True,
        }
        assert (story[4].data["reason"], story[4].data["generation"]) == ("resubmitted", 2)

    def test_who_fell_behind_is_told(self, door: FrontDoor, film_a: httpx.Client, redis_url: str) -> None:
        task_id = submit(film_a)
        run = door.next_run()
        forget(redis_url, f"orch:events:{task_id}", keep=1)
        path = f"/v1/tasks/{task_id}/events"
        with stream(film_a, f"{path}?follow=false") as events:
            gap, running = list(events)
        assert (gap.name, gap.data["status"], gap.cursor) == ("gap", "running", "")
        assert (gap.data["task_id"], running.word, running.cursor) == (task_id, "running", "1-2")
        with stream(film_a, path) as events:
            assert [next(events).name for _ in range(2)] == ["gap", "status"]
            finish(door, run)
            assert [event.word for event in events] == ["log", "output", "output", "succeeded"]

    def test_without_following_it_says_what_there_is(self, door: FrontDoor, film_a: httpx.Client) -> None:
        path = f"/v1/tasks/{submit(film_a)}/events?follow=false"
        with stream(film_a, path) as events:
            assert [event.word for event in events] == ["queued"]
        assert film_a.get(f"{path}&after=1-1").status_code == 204
        assert door.bells.rung

    def test_nobody_else_s_task_can_be_followed(self, door: FrontDoor, film_a: httpx.Client) -> None:
        task_id = submit(film_a)
        with door.caller("film-b") as film_b:
            for path in ("events", "logs"):
                assert film_b.get(f"/v1/tasks/{task_id}/{path}").json()["code"] == "task_not_found"
        assert film_a.get("/v1/tasks/task_0/events").status_code == 404
        assert httpx.get(f"{door.url}/v1/tasks/{task_id}/events").status_code == 401

    def test_its_log_can_be_looked_up(self, door: FrontDoor, film_a: httpx.Client) -> None:
        task_id = submit(film_a)
        assert film_a.get(f"/v1/tasks/{task_id}/logs").json() == {"items": []}
        finish(door, door.next_run())
        (line,) = film_a.get(f"/v1/tasks/{task_id}/logs").json()["items"]
        assert {**line, "at": ""} == {
            "id": "1-3",
            "at": "",
            "level": "info",
            "event": "stage.ended",
            "fields": {"stage": "infer", "took_s": 1.5},
        }


class TestProject:
    def test_it_tells_of_all_tasks_and_of_nobody_else_s(self, door: FrontDoor, film_a: httpx.Client) -> None:
        with stream(film_a, "/v1/events") as events, door.caller("film-b") as film_b:
            mine = [submit(film_a)]
            submit(film_b)
            mine.append(submit(film_a))
            seen = [next(events) for _ in range(2)]
            film_a.post(f"/v1/tasks/{mine[0]}/cancel")
            canceled = next(events)
        assert [event.data["task_id"] for event in seen] == mine
        assert (canceled.word, canceled.data["task_id"]) == ("canceled", mine[0])
        with stream(film_a, "/v1/events?follow=false", last=seen[0].cursor) as events:
            assert [event.word for event in events] == ["queued", "canceled"]
        assert film_a.get(f"/v1/events?follow=false&after={canceled.cursor}").status_code == 204

    def test_who_fell_behind_is_told(self, film_a: httpx.Client, redis_url: str) -> None:
        with film_a.stream("GET", "/v1/events", timeout=10) as response:
            cursor = next(response.iter_lines()).removeprefix("id: ")
        kept = [submit(film_a) for _ in range(3)][1:]
        forget(redis_url, "orch:story:film-a", keep=2)
        with stream(film_a, "/v1/events", last=cursor) as events:
            gap, *rest = (next(events) for _ in range(3))
        assert (gap.name, set(gap.data)) == ("gap", {"at"})
        assert [event.data["task_id"] for event in rest] == kept
        with stream(film_a, "/v1/events?follow=false", last=cursor) as events:
            assert [event.word for event in events] == ["gap", "queued", "queued"]
        forget(redis_url, "orch:story:film-a", keep=0)
        with stream(film_a, "/v1/events?follow=false", last="67706734883923-79") as events:
            assert [(event.name, event.data) for event in events] == [("gap", {})]

    @pytest.mark.parametrize(("after", "status"), [("99999999999999-1", 200), ("999999999999999-1", 422)])
    def test_an_id_that_nobody_gave_is_answered(self, film_a: httpx.Client, after: str, status: int) -> None:
        submit(film_a)
        assert film_a.get("/v1/events", params={"after": after, "follow": False}).status_code == status

    def test_who_has_heard_nothing_yet_can_go_on_all_the_same(self, film_a: httpx.Client) -> None:
        with film_a.stream("GET", "/v1/events", timeout=10) as response:
            opening = [line for line, _ in zip(response.iter_lines(), range(2), strict=False)]
        assert opening[0].startswith("id: ")
        task_id = submit(film_a)
        with stream(film_a, "/v1/events", last=opening[0].removeprefix("id: ")) as events:
            assert next(events).data["task_id"] == task_id


class TestLimits:
    def test_a_project_has_half_of_the_places_and_gets_them_back(self, door: FrontDoor, film_a: httpx.Client) -> None:
        with stream(film_a, "/v1/events"), stream(film_a, "/v1/events"):
            refused = film_a.get("/v1/events")
            assert (refused.status_code, refused.json()["code"]) == (503, "too_many_streams")
            assert refused.headers["retry-after"]
            with door.caller("film-b") as film_b, stream(film_b, "/v1/events"):
                pass
        deadline_s, pause = time.monotonic() + 10, threading.Event()
        while door.streams.count:
            assert time.monotonic() < deadline_s, "the places were not given back"
            pause.wait(0.01)
