"""`POST /v1/tasks:estimate`: what a submit would be told, word for word, without any trace of the question."""

import base64
import hashlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
import redis
from fakes_storage import MemoryStorage
from front_door import FrontDoor, front_door

from orchestrator.adapters.redis.client import RedisClient
from orchestrator.adapters.redis.connection import API, connect
from orchestrator.domain.rate import Rate
from orchestrator.ports.claims import Commit
from orchestrator.services.projects.admit import Rates

ECHO: Mapping[str, Any] = {"type": "system.echo"}
STILL = "projects/film-a/uploads/upload_1/still.png"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
UPSCALE: Mapping[str, Any] = {"type": "image.upscale", "input": {"object": STILL}}
INLINE = {"type": "image.upscale", "input": {"inline": {"base64": base64.b64encode(PNG).decode()}}}


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage({STILL: (b"pixels", "image/png")})


@pytest.fixture
def records(redis_url: str) -> Iterator[RedisClient]:
    client = connect(redis_url, API)
    yield client
    client.close()


def estimate(caller: httpx.Client, body: Mapping[str, Any]) -> dict[str, Any]:
    answer = caller.post("/v1/tasks:estimate", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def limit(url: str, **limits: object) -> None:
    with redis.Redis.from_url(url) as client:
        for name, most in limits.items():
            client.hset("orch:project:film-a", name, str(most))


def work_on(door: FrontDoor, caller: httpx.Client, *, tasks: int, took_s: float) -> None:
    for _ in range(tasks):
        assert caller.post("/v1/tasks", json=UPSCALE).status_code == 202
        run = door.worker.claim("image")
        door.worker.claims.finish(run, Commit((), {}, {}, actual_s=took_s))
    deadline_s = time.monotonic() + 10
    while estimate(caller, UPSCALE)["cost"]["runs"] < tasks:  # what is known may be a second old
        assert time.monotonic() < deadline_s


def test_nothing_has_run_and_nobody_is_there(film_a: httpx.Client) -> None:
    assert estimate(film_a, {"type": "image.upscale", "input": {"size_bytes": 482113}}) == {
        "accepted": True,
        "refusal": None,
        "cost": {"predicted_s": 5.0, "runs": 0},
        "queue": {"position": 0, "eta_s": None, "paused": [], "no_worker": "image", "away": []},
        "at_quota": False,
        "follows": None,
    }


def test_the_cost_is_that_of_runs_of_about_its_size(door: FrontDoor, film_a: httpx.Client) -> None:
    work_on(door, film_a, tasks=6, took_s=2.5)
    assert estimate(film_a, UPSCALE)["cost"] == {"predicted_s": 2.5, "runs": 6}
    planned = {"type": "image.upscale", "input": {"size_bytes": 7}}
    assert estimate(film_a, planned)["cost"] == {"predicted_s": 2.5, "runs": 6}
    planned = {"type": "image.upscale", "input": {"size_bytes": 10**6}}
    assert estimate(film_a, planned)["cost"] == {"predicted_s": 5.0, "runs": 0}


def test_a_submit_is_charged_what_was_estimated_and_waits_where_it_was_said(
    door: FrontDoor, film_a: httpx.Client, records: RedisClient
) -> None:
    records.set("orch:alive:worker-image", "1")
    work_on(door, film_a, tasks=6, took_s=2.5)
    for _ in range(3):
        film_a.post("/v1/tasks", json=UPSCALE)
    told = estimate(film_a, UPSCALE)
    assert told["queue"] == {"position": 3, "eta_s": 7.5, "paused": [], "no_worker": None, "away": []}
    task = film_a.post("/v1/tasks", json=UPSCALE).json()
    assert film_a.get(task["links"]["self"]).json()["queue"] == told["queue"]
    assert records.hgetall(f"orch:task:{task['id']}")["predicted_s"] == str(told["cost"]["predicted_s"])
    assert estimate(film_a, {**UPSCALE, "priority": "high"})["queue"]["position"] == 0
    assert estimate(film_a, {**UPSCALE, "priority": "low"})["queue"]["position"] == 4


@pytest.mark.parametrize(
    "body",
    [
        {"type": "image.sharpen"},
        {"type": "image.upscale"},
        {**UPSCALE, "params": {"scale": 3}},
        {**ECHO, "input": {"object": STILL}},
        {"type": "image.upscale", "input": {"object": "projects/film-a/uploads/none.png"}},
        {"type": "image.upscale", "input": {"object": "projects/film-b/uploads/upload_1/x.png"}},
        {"type": "image.upscale", "input": {"url": "ftp://a.example/still.png"}},
        {"type": "image.upscale", "input": {"inline": {"base64": base64.b64encode(b"no picture").decode()}}},
    ],
)
def test_what_does_not_fit_is_told_as_a_submit_would(film_a: httpx.Client, body: Mapping[str, Any]) -> None:
    told = estimate(film_a, body)
    assert (told["accepted"], told["cost"], told["queue"]) == (False, None, None)
    assert given(told["refusal"]) == film_a.post("/v1/tasks", json=body).json()


def test_a_file_that_is_too_large_is_not_worth_its_upload(film_a: httpx.Client) -> None:
    told = estimate(film_a, {"type": "image.upscale", "input": {"size_bytes": 10**9}})
    assert told["refusal"]["code"] == "media_too_large"


@pytest.mark.parametrize(
    ("limits", "body", "says"),
    [
        ({"max_queued": 1}, ECHO, "as many as it may"),
        ({"max_bytes": 0}, ECHO, "keeps 0 bytes"),
        ({"max_bytes": 50}, INLINE, "would keep more than the 50 bytes"),
    ],
)
def test_what_has_no_room_is_told_as_a_submit_would(
    film_a: httpx.Client, redis_url: str, limits: Mapping[str, object], body: Mapping[str, Any], says: str
) -> None:
    film_a.post("/v1/tasks", json=ECHO)
    limit(redis_url, **limits)
    told = estimate(film_a, body)
    refused = film_a.post("/v1/tasks", json=body)
    assert (told["accepted"], refused.status_code) == (False, 429)
    assert given(told["refusal"]) == refused.json()
    assert says in told["refusal"]["detail"]
    assert told["cost"], "it would fit"


def test_an_upload_that_has_no_room_is_foretold(film_a: httpx.Client, redis_url: str) -> None:
    limit(redis_url, max_bytes=1000)
    planned = {"type": "image.upscale", "input": {"size_bytes": 1001}}
    assert estimate(film_a, planned)["refusal"]["code"] == "quota_exceeded"
    assert estimate(film_a, {"type": "image.upscale", "input": {"size_bytes": 1000}})["accepted"]


def test_a_project_at_its_quota_waits_for_itself(door: FrontDoor, film_a: httpx.Client, redis_url: str) -> None:
    limit(redis_url, max_running=1)
    film_a.post("/v1/tasks", json=ECHO)
    assert not estimate(film_a, ECHO)["at_quota"]
    run = door.worker.claim("io")
    told = estimate(film_a, ECHO)
    assert (told["accepted"], told["at_quota"], told["queue"]["eta_s"]) == (True, True, None)
    door.worker.claims.finish(run, Commit((), {}, {}, actual_s=1.0))
    assert not estimate(film_a, ECHO)["at_quota"]


def test_nothing_of_it_stays(
    door: FrontDoor, film_a: httpx.Client, records: RedisClient, storage: MemoryStorage
) -> None:
    kept, objects = records.dbsize(), dict(storage.objects)
    for body in (ECHO, UPSCALE, INLINE):
        assert estimate(film_a, body)["accepted"]
    assert (records.dbsize(), storage.objects, door.bells.rung) == (kept, objects, [])


def test_it_costs_as_much_as_a_look(redis_url: str) -> None:
    rates = Rates(key=Rate(0.01, 10))
    with front_door(redis_url, MemoryStorage(), rates=rates) as door, door.caller() as caller:
        assert caller.post("/v1/tasks:estimate", json=ECHO).headers["RateLimit-Remaining"] == "9"


def test_of_a_file_exactly_one_thing_is_said(film_a: httpx.Client) -> None:
    for source in ({}, {"object": STILL, "size_bytes": 6}, {"size_bytes": 0}):
        body = {"type": "image.upscale", "input": source}
        assert film_a.post("/v1/tasks:estimate", json=body).status_code == 422
    body = {"type": "image.upscale", "input": {"size_bytes": 6}}
    assert film_a.post("/v1/tasks", json=body).status_code == 422, "a submit needs the file"


def given(problem: Any) -> Any:  # noqa: ANN401 - JSON
    """Without what it leaves open."""
    if isinstance(problem, list):
        return [given(each) for each in problem]
    if isinstance(problem, dict):
        return {name: given(value) for name, value in problem.items() if value is not None}
    return problem


def test_what_follows_another_task_is_said_beforehand(film_a: httpx.Client) -> None:
    asked = {"type": "image.upscale", "dedupe": "content"}
    made = film_a.post("/v1/tasks", json={**INLINE, **asked}).json()
    same = {"size_bytes": len(PNG), "sha256": hashlib.sha256(PNG).hexdigest()}
    assert estimate(film_a, {**asked, "input": same})["follows"] == made["id"]
    assert estimate(film_a, {**asked, "input": {**same, "sha256": "0" * 64}})["follows"] is None
    assert estimate(film_a, {"type": "image.upscale", "input": same})["follows"] is None
