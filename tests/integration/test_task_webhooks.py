"""A task's own webhook, from the submit to its record: what deliveries read of it, and what a repeat must say again."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
import redis

URL = "https://hooks.example.com/done?token=t0p"


Record = Callable[[str], Mapping[str, Any]]


@pytest.fixture
def recorded(redis_url: str) -> Record:
    """The field of a task's record; empty if it has none."""

    def read(task_id: str) -> Mapping[str, Any]:
        with redis.Redis.from_url(redis_url, decode_responses=True) as client:
            found: Mapping[str, Any] = json.loads(str(client.hget(f"orch:task:{task_id}", "webhook") or "{}"))
        return found

    return read


def echo(**webhook: object) -> dict[str, object]:
    return {"type": "system.echo", "webhook": webhook} if webhook else {"type": "system.echo"}


def test_the_record_says_where_what_and_through_which_channel(film_a: httpx.Client, recorded: Record) -> None:
    made = film_a.post("/v1/tasks", json=echo(url=URL, events=["task.failed", "task.progress", "task.failed"]))
    assert made.status_code == 202
    assert recorded(made.json()["id"]) == {
        "url": URL,
        "events": ["failed", "progress"],
        "channel": "webhook:hooks.example.com",
    }
    assert "t0p" not in made.text, "a URL may be a secret"


def test_without_a_filter_it_hears_of_all_but_progress(film_a: httpx.Client, recorded: Record) -> None:
    task_id = film_a.post("/v1/tasks", json=echo(url=URL)).json()["id"]
    assert recorded(task_id)["events"] == ["queued", "running", "succeeded", "failed", "canceled"]
    assert recorded(film_a.post("/v1/tasks", json=echo()).json()["id"]) == {}


def test_in_a_batch_each_task_has_its_own(film_a: httpx.Client, recorded: Record) -> None:
    tasks = [echo(url=URL), echo(), echo(url="https://other.example/")]
    items = film_a.post("/v1/tasks:batch", json={"tasks": tasks}).json()["items"]
    assert [recorded(item["id"]).get("url") for item in items] == [URL, None, "https://other.example/"]


def test_it_is_part_of_what_a_key_stands_for(film_a: httpx.Client) -> None:
    def submit(**webhook: object) -> httpx.Response:
        return film_a.post("/v1/tasks", json=echo(**webhook), headers={"Idempotency-Key": "k"})

    first = submit(url=URL, events=["task.failed", "task.succeeded"])
    again = submit(url=URL, events=["task.succeeded", "task.failed"])
    assert (again.headers["Idempotency-Replayed"], again.json()) == ("true", first.json())
    for other in (submit(), submit(url=URL), submit(url=f"{URL}1", events=["task.failed", "task.succeeded"])):
        assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/",
        "https://user@a.example/",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://0x7f.1/",
        "a.example",
    ],
)
def test_where_no_message_goes_is_said_at_once(film_a: httpx.Client, url: str) -> None:
    refused = film_a.post("/v1/tasks", json=echo(url=url))
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_params")
    assert refused.json()["detail"].startswith("webhook.url ")
    batch = film_a.post("/v1/tasks:batch", json={"tasks": [echo(), echo(url=url)]})
    assert [flaw["field"].partition(".webhook")[0] for flaw in batch.json()["errors"]] == ["tasks.1"]


@pytest.mark.parametrize(
    "webhook", [{"url": URL, "events": []}, {"url": URL, "events": ["succeeded"]}, {"url": URL, "x": 1}]
)
def test_what_is_misspelt_is_refused(film_a: httpx.Client, webhook: dict[str, object]) -> None:
    assert film_a.post("/v1/tasks", json=echo(**webhook)).status_code == 422
