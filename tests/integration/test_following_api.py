"""`"dedupe": "content"` over HTTP, from the client, and on the worker's side."""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from fakes_storage import MemoryStorage
from front_door import FrontDoor
from sse import parse_events

from orchestrator.domain.task import Progress
from orchestrator.ports.claims import Beat

STILL = "projects/film-a/uploads/upload_1/still.png"
COPY = "projects/film-a/uploads/upload_2/copy.png"
PIXELS = b"\x89PNG\r\n\x1a\n and so on"
SHA256 = hashlib.sha256(PIXELS).hexdigest()
INLINE = {"inline": {"base64": base64.b64encode(PIXELS).decode()}}


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage(dict.fromkeys((STILL, COPY), (PIXELS, "image/png")))


def submit(caller: httpx.Client, source: Mapping[str, Any] | None = None, **fields: object) -> httpx.Response:
    body = {"type": "image.upscale", "dedupe": "content", **fields}
    return caller.post("/v1/tasks", json=body | ({"input": source} if source else {}))


def look(caller: httpx.Client, task: httpx.Response) -> dict[str, Any]:
    return dict(caller.get(task.headers["Location"]).json())


def test_two_copies_of_a_picture_are_enlarged_once(door: FrontDoor, film_a: httpx.Client, tmp_path: Path) -> None:
    first = submit(film_a, {"object": STILL, "sha256": SHA256})
    second, third = submit(film_a, {"object": COPY, "sha256": SHA256}), submit(film_a, INLINE, labels={"shot": "1"})
    run = door.next_run()
    door.worker.claims.beat([Beat(run, Progress("infer", 0.5, 1, 2))])
    assert look(film_a, second)["progress"]["fraction"] == 0.5
    door.worker.finish(run, {"large.txt": b"large"}, scratch=tmp_path)
    made = look(film_a, first)
    for answer in (second, third, submit(film_a, {"object": STILL, "sha256": SHA256})):
        task = look(film_a, answer)
        assert (task["follows"], task["status"], task["usage"]) == (made["id"], "succeeded", {})
        assert (task["outputs"][0]["sha256"], task["result"]) == (made["outputs"][0]["sha256"], made["result"])
        told = list(parse_events(film_a.get(f"{task['links']['self']}/events").text.splitlines()))
        assert [event.word for event in told][-2:] == ["output", "succeeded"]
    assert look(film_a, third)["labels"] == {"shot": "1"}
    assert made["follows"] is None
    assert door.bells.rung == ["image"], "nobody is woken for a task that follows"


def test_another_project_runs_its_own(door: FrontDoor, film_a: httpx.Client) -> None:
    submit(film_a, INLINE)
    with door.caller("film-b") as film_b:
        task = look(film_b, submit(film_b, INLINE))
    assert (task["follows"], task["status"]) == (None, "queued")


@pytest.mark.parametrize(
    "other",
    [
        {"params": {"scale": 2}},
        {"run_for_s": 5},
        {"dedupe": None},
        {"type": "system.echo", "source": None},
        {"source": {"object": STILL, "sha256": "0" * 64}},
    ],
)
def test_what_differs_runs_itself(film_a: httpx.Client, other: dict[str, Any]) -> None:
    submit(film_a, INLINE)
    answer = submit(film_a, **{"source": INLINE, **other})
    assert look(film_a, answer)["follows"] is None


def test_without_a_hash_nobody_knows_what_it_is(film_a: httpx.Client) -> None:
    refused = submit(film_a, {"object": STILL})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_params")
    assert refused.json()["errors"] == [{"field": "input.sha256", "message": "dedupe needs it"}]


def test_an_answer_is_replayed_as_it_was_also_to_one_that_followed_at_once(
    door: FrontDoor, film_a: httpx.Client, tmp_path: Path
) -> None:
    submit(film_a, INLINE)
    door.worker.finish(door.next_run(), {}, scratch=tmp_path)
    body = {"type": "image.upscale", "dedupe": "content", "input": INLINE}
    first, again = (film_a.post("/v1/tasks", json=body, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert first.content == again.content
    assert first.json()["status"] == "queued", "as it was recorded"
    waited = film_a.post("/v1/tasks", json=body, headers={"Idempotency-Key": "k", "Prefer": "wait=10"})
    assert (waited.status_code, waited.json()["status"]) == (200, "succeeded")
