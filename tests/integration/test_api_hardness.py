"""The HTTP API under bad bodies, bugs and a store that is away: always a problem, never a leak, never a 202."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import servers
import structlog
from fakes_storage import MemoryStorage
from front_door import FrontDoor, front_door

from orchestrator.domain.api_key import Scope
from orchestrator.domain.errors import Category, Unavailable

ECHO = {"type": "system.echo"}
JSON = {"Content-Type": "application/json"}


class Broken(MemoryStorage):
    """A storage with a bug in it."""

    def check(self) -> None:
        raise ZeroDivisionError("the secret of the storage")


@pytest.fixture
def quiet_log() -> Iterator[list[structlog.typing.EventDict]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 422),
        (b"\xff{", 400),
        (b"[" * 100_000, 400),
        (b'{"type":"system.echo","params":{"a":NaN}}', 422),
        (b'{"type":"system.echo","params":{"a":"\\ud800"}}', 422),
        (b'{"type":"system.echo","labels":{"a":"\\ud800"}}', 422),
        (b'{"type":"system.echo","\\ud800":1}', 422),
        (b'{"type":"system.echo","params":' + b'{"a":' * 400 + b"1" + b"}" * 400 + b"}", 422),
        (b'{"type":"system.echo","params":{"size_bytes":1e400}}', 422),
        (b'{"type":"system.echo","params":{"size_bytes":' + b"9" * 4000 + b"}}", 422),
        (b'{"type":"system.echo","params":{"size_bytes":' + b"9" * 5000 + b"}}", 400),
        (b'{"type":"system.echo","labels":{"a":"' + b"x" * 1024**2 + b'"}}', 413),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_no_body_breaks_it(film_a: httpx.Client, body: bytes, status: int) -> None:
    answer = film_a.post("/v1/tasks", content=body, headers=JSON)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Request-Id"]


def test_a_body_without_a_length_is_limited_too(film_a: httpx.Client) -> None:
    chunks = (b"x" * 65536 for _ in range(32))
    assert film_a.post("/v1/tasks", content=chunks, headers=JSON).json()["code"] == "body_too_large"


def test_only_json_is_read(film_a: httpx.Client) -> None:
    assert film_a.post("/v1/tasks", content=json.dumps(ECHO)).status_code == 422
    assert film_a.post("/v1/tasks", data={"type": "system.echo"}).status_code == 422


def test_unknown_paths_and_methods_are_problems_too(film_a: httpx.Client) -> None:
    assert film_a.get("/v2/tasks").json()["code"] == "not_found"
    assert film_a.get("/v1/tasks/").json()["code"] == "not_found", "no redirects"
    refused = film_a.delete("/v1/uploads")
    assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed")
    assert refused.headers["Allow"] == "POST"


def test_a_request_id_of_the_caller_is_kept_if_it_is_harmless(film_a: httpx.Client) -> None:
    assert film_a.get("/livez", headers={"X-Request-Id": "trace-7"}).headers["X-Request-Id"] == "trace-7"
    made = film_a.get("/livez", headers={"X-Request-Id": "<script>"}).headers["X-Request-Id"]
    assert made.isalnum()


def test_a_bug_is_logged_with_its_traceback_and_told_to_nobody(
    redis_url: str, quiet_log: list[structlog.typing.EventDict]
) -> None:
    with front_door(redis_url, Broken()) as door, door.caller() as caller:
        body = {"type": "image.upscale", "input": {"object": "projects/film-a/uploads/x.png"}}
        answer = caller.post("/v1/tasks", json=body)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert answer.headers["X-Request-Id"]
    assert "http.crashed" in [line["event"] for line in quiet_log]


@pytest.mark.usefixtures("quiet_log")
def test_a_storage_that_is_away_means_later(redis_url: str) -> None:
    away = Unavailable("the object store cannot be reached", service="storage", category=Category.STORAGE)
    with front_door(redis_url, MemoryStorage(failure=away)) as door, door.caller() as caller:
        body = {"type": "image.upscale", "input": {"object": "projects/film-a/uploads/x.png"}}
        answer = caller.post("/v1/tasks", json=body)
        ready = caller.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "dependency_unavailable")
    assert int(answer.headers["Retry-After"]) == answer.json()["retry_after_s"] == 2
    assert ready.status_code == 503
    assert ready.json() == {
        "status": "not_ready",
        "checks": {
            "redis": {"ok": True, "detail": ""},
            "storage": {"ok": False, "detail": "the object store cannot be reached"},
        },
        "warnings": {},
    }


@pytest.mark.usefixtures("quiet_log")
def test_when_the_store_is_away_submits_say_so_within_three_seconds_and_the_process_lives(tmp_path: Path) -> None:
    with servers.valkey(tmp_path) as store, front_door(store.url, MemoryStorage()) as door, door.caller() as caller:
        assert caller.post("/v1/tasks", json=ECHO, headers={"Idempotency-Key": "k-1"}).status_code == 202
        store.kill()
        begun = time.monotonic()
        refused = caller.post("/v1/tasks", json=ECHO, headers={"Idempotency-Key": "k-2"})
        assert time.monotonic() - begun < 3
        assert refused.status_code == 503
        assert refused.headers["Retry-After"]
        assert caller.get("/livez").status_code == 200
        assert caller.get("/readyz").status_code == 503
        store.start()
        again = caller.post("/v1/tasks", json=ECHO, headers={"Idempotency-Key": "k-1"})
        assert again.headers["Idempotency-Replayed"] == "true", "what was answered with 202 is still there"


@pytest.mark.usefixtures("quiet_log")
def test_a_store_that_is_frozen_costs_a_submit_no_more_than_three_seconds(tmp_path: Path) -> None:
    with servers.valkey(tmp_path) as store, front_door(store.url, MemoryStorage()) as door, door.caller() as caller:
        assert caller.post("/v1/tasks", json=ECHO).status_code == 202
        store.process.send_signal(signal.SIGSTOP)
        try:
            begun = time.monotonic()
            lost = caller.post("/v1/tasks", json=ECHO)
            assert time.monotonic() - begun < 3
            assert (lost.status_code, lost.json()["code"]) == (503, "outcome_unknown")
            assert caller.get("/livez").status_code == 200
        finally:
            store.process.send_signal(signal.SIGCONT)
        assert caller.get(f"/v1/tasks/{lost.json()['task_id']}").status_code in {200, 404}, "nobody can know which"


def test_probes_need_no_key_and_metrics_one_that_may_read_them(door: FrontDoor, film_a: httpx.Client) -> None:
    assert httpx.get(f"{door.url}/livez").json() == {"status": "alive"}
    assert httpx.get(f"{door.url}/readyz").json()["status"] == "ready"
    assert httpx.get(f"{door.url}/metrics").status_code == 401
    assert film_a.get("/metrics").status_code == 403
    with door.caller_with(door.make_key("studio", Scope.METRICS_READ)) as scraper:
        metrics = scraper.get("/metrics")
    assert "# TYPE orchestrator_submits_total counter" in metrics.text
    assert metrics.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
