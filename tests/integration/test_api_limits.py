"""Limits and quotas as a client meets them: over HTTP, on a real store."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import servers
from fakes_storage import MemoryStorage
from front_door import FrontDoor, front_door
from redis import Redis
from structlog.testing import capture_logs

from orchestrator.domain.rate import Rate
from orchestrator.services.projects.admit import Rates

ECHO = {"type": "system.echo", "params": {"size_bytes": 64}}
HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
SLOW = Rates(project=Rate(0.01, 100), key=Rate(0.01, 10))


@pytest.fixture
def door(redis_url: str) -> Iterator[FrontDoor]:
    with front_door(redis_url, MemoryStorage(), rates=SLOW) as opened:
        yield opened


@contextmanager
def limited_to(redis_url: str, project: str, **limits: object) -> Iterator[None]:
    with Redis.from_url(redis_url) as client:
        for name, limit in limits.items():
            client.hset(f"orch:project:{project}", name, str(limit))
        yield


class TestRateLimits:
    def test_every_answer_says_what_is_left(self, door: FrontDoor) -> None:
        with door.caller() as caller:
            answers = [caller.get("/v1/tasks"), caller.post("/v1/tasks", json=ECHO), caller.get("/v1/tasks/task_none")]
        assert [answer.status_code for answer in answers] == [200, 202, 404]
        told = [tuple(answer.headers[name] for name in HEADERS) for answer in answers]
        assert told == [("10", "9", "100"), ("10", "6", "400"), ("10", "5", "500")]

    def test_one_too_many_is_told_when_to_come_again(self, door: FrontDoor) -> None:
        with door.caller() as caller:
            answers = [caller.get("/v1/tasks") for _ in range(11)]
            refused = answers[-1]
            assert [answer.status_code for answer in answers] == [200] * 10 + [429]
            problem = refused.json()
            assert refused.headers["Content-Type"] == "application/problem+json"
            assert (problem["code"], problem["status"]) == ("rate_limited", 429)
            assert 99 <= int(refused.headers["Retry-After"]) <= 100
            assert problem["retry_after_s"] <= int(refused.headers["Retry-After"])
            assert [refused.headers[name] for name in HEADERS[:2]] == ["10", "0"]
            assert caller.get("/livez").status_code == 200
        with door.caller("film-b") as other:
            assert other.get("/v1/tasks").status_code == 200

    def test_a_refused_submit_records_nothing_and_its_key_is_unused(self, redis_url: str) -> None:
        with front_door(redis_url, MemoryStorage(), rates=Rates(key=Rate(20, 3))) as door, door.caller() as caller:
            assert caller.get("/v1/tasks").status_code == 200
            headers = {"Idempotency-Key": "once"}
            refused = caller.post("/v1/tasks", json=ECHO, headers=headers)
            assert refused.status_code == 429
            answer = refused
            while answer.status_code == 429:
                answer = caller.post("/v1/tasks", json=ECHO, headers=headers)
            assert answer.status_code == 202
            assert "Idempotency-Replayed" not in answer.headers
        assert len(door.bells.rung) == 1

    def test_refusals_are_counted_by_code(self, door: FrontDoor) -> None:
        with door.caller() as caller:
            for _ in range(12):
                caller.get("/v1/tasks")
        with door.admin as admin:
            samples = admin.get("/metrics").text
        assert 'orchestrator_refusals_total{code="rate_limited"} 2.0' in samples

    def test_without_the_store_reads_are_limited_here_and_submits_are_503(self, tmp_path: Path) -> None:
        with (
            servers.valkey(tmp_path) as server,
            front_door(server.url, MemoryStorage(), rates=SLOW) as door,
            door.caller() as caller,
            capture_logs(),  # a traceback with all its locals would take seconds to render
        ):
            assert caller.get("/v1/task-types").status_code == 200
            server.kill()
            submit = caller.post("/v1/tasks", json=ECHO)
            assert (submit.status_code, submit.json()["code"]) == (503, "dependency_unavailable")
            assert int(submit.headers["Retry-After"]) >= 1
            types = [caller.get("/v1/task-types") for _ in range(12)]
            assert [answer.status_code for answer in types] == [200] * 10 + [429] * 2


class TestQuotas:
    def test_a_full_queue_of_a_project_is_429_and_never_the_answer_to_a_key(self, redis_url: str) -> None:
        with (
            limited_to(redis_url, "film-a", max_queued=1),
            front_door(redis_url, MemoryStorage()) as door,
            door.caller() as caller,
        ):
            first = caller.post("/v1/tasks", json=ECHO, headers={"Idempotency-Key": "one"})
            refused = caller.post("/v1/tasks", json=ECHO, headers={"Idempotency-Key": "two"})
            again = caller.post("/v1/tasks", json=ECHO, headers={"Idempotency-Key": "one"})
            assert [answer.status_code for answer in (first, refused, again)] == [202, 429, 202]
            assert refused.json()["code"] == "quota_exceeded"
            assert int(refused.headers["Retry-After"]) >= 1
            caller.post(f"/v1/tasks/{first.json()['id']}/cancel")
            later = caller.post("/v1/tasks", json=ECHO, headers={"Idempotency-Key": "two"})
            assert (later.status_code, later.headers.get("Idempotency-Replayed")) == (202, None)
            retry = caller.post(f"/v1/tasks/{first.json()['id']}/retry")
            assert (retry.status_code, retry.json()["code"]) == (429, "quota_exceeded")
