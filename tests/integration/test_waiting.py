"""`Prefer: wait=n` on submit and on get, over HTTP and a real store; the worker is the test's own hand."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from front_door import FrontDoor

from orchestrator.api.waiting import parse_wait
from orchestrator.ports.claims import Commit

ECHO = {"type": "system.echo"}
DONE = Commit((), {"ok": True}, {}, actual_s=0.1)
LONG = {"Prefer": "wait=30"}
SHORT = {"Prefer": "wait=1"}


@pytest.fixture
def streams() -> int:
    return 100


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(60) as pool:
        yield pool


def finish_next(door: FrontDoor) -> None:
    door.worker.claims.finish(door.next_run(), DONE)


def test_a_submit_answers_as_soon_as_its_task_has_ended(
    door: FrontDoor, film_a: httpx.Client, pool: ThreadPoolExecutor
) -> None:
    pool.submit(finish_next, door)
    begun = time.monotonic()
    answer = film_a.post("/v1/tasks", json=ECHO, headers=LONG, timeout=40)
    assert time.monotonic() - begun < 20
    assert (answer.status_code, answer.json()["status"], answer.json()["result"]) == (200, "succeeded", {"ok": True})
    assert answer.headers["preference-applied"] == "wait=30"
    assert answer.headers["location"] == answer.json()["links"]["self"]


def test_at_the_deadline_it_answers_what_is(film_a: httpx.Client) -> None:
    answer = film_a.post("/v1/tasks", json=ECHO, headers=SHORT)
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert answer.headers["preference-applied"] == "wait=1"
    seen = film_a.get(answer.headers["location"], headers=SHORT)
    assert (seen.status_code, seen.json()["status"], seen.headers["preference-applied"]) == (200, "queued", "wait=1")


def test_a_get_waits_too_and_not_for_what_has_ended(
    door: FrontDoor, film_a: httpx.Client, pool: ThreadPoolExecutor
) -> None:
    url = film_a.post("/v1/tasks", json=ECHO).headers["location"]
    asked = pool.submit(film_a.get, url, headers=LONG, timeout=40)
    finish_next(door)
    assert asked.result(20).json()["status"] == "succeeded"
    begun = time.monotonic()
    assert film_a.get(url, headers=LONG, timeout=40).json()["status"] == "succeeded"
    assert time.monotonic() - begun < 10
    with door.caller("film-b") as film_b:
        assert film_b.get(url, headers=LONG).status_code == 404


def test_those_who_wait_hold_no_thread(door: FrontDoor, film_a: httpx.Client, pool: ThreadPoolExecutor) -> None:
    """There are forty threads; fifty wait, and a fifty-first is answered at once."""
    url = film_a.post("/v1/tasks", json=ECHO).headers["location"]
    asked = [pool.submit(film_a.get, url, headers=LONG, timeout=60) for _ in range(50)]
    deadline_s, pause = time.monotonic() + 20, threading.Event()
    while door.streams.count < 50:
        assert time.monotonic() < deadline_s, "they do not wait"
        pause.wait(0.01)
    begun = time.monotonic()
    refused = film_a.get(url, headers=LONG)
    assert time.monotonic() - begun < 10
    assert "preference-applied" not in refused.headers, "there is no place left to wait in"
    finish_next(door)
    assert {answer.result(30).json()["status"] for answer in asked} == {"succeeded"}


@pytest.mark.parametrize(
    ("prefer", "wait_s"),
    [
        (None, 0),
        ("wait=10", 10),
        ("Wait=5", 5),
        ("respond-async, wait=7", 7),
        ('wait = "3"; foo', 3),
        ("wait=600", 60),
        ("wait=-1", 0),
        ("wait", 0),
        ("await=9", 0),
        ("wait=9x", 0),
    ],
)
def test_what_is_no_such_preference_is_ignored(prefer: str | None, wait_s: int) -> None:
    assert parse_wait(prefer) == wait_s
