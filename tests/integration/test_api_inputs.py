"""The media of a task over HTTP: a key, a URL or the bytes themselves. On the real store of objects."""

import base64
import io
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
import servers
from front_door import FrontDoor
from made_media import noise
from PIL import Image

from orchestrator.adapters.s3_storage import S3Storage

UPSCALE = "image.upscale"


@pytest.fixture
def storage(s3_server: servers.SeaweedFs) -> S3Storage:
    return S3Storage(s3_server.address)


@pytest.fixture(scope="module")
def still() -> bytes:
    file = io.BytesIO()
    Image.fromarray(noise(1)).save(file, "PNG")
    return file.getvalue()


def submit(caller: httpx.Client, given: dict[str, Any], *, key: str = "", task_type: str = UPSCALE) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return caller.post("/v1/tasks", json={"type": task_type, "input": given}, headers=headers)


def inline(content: bytes, **more: str) -> dict[str, Any]:
    return {"inline": {"base64": base64.b64encode(content).decode(), **more}}


def test_an_inline_input_becomes_an_object_of_the_project(
    film_a: httpx.Client, storage: S3Storage, still: bytes
) -> None:
    task = submit(film_a, inline(still)).json()
    key = task["input"]["object"]
    assert key.startswith("projects/film-a/uploads/upload_")
    assert key.endswith("/inline.png")
    found = storage.head(key)
    assert (found.size_bytes, found.content_type, found.etag) == (len(still), "image/png", task["input"]["etag"])
    assert submit(film_a, inline(still, content_type="image/x-mine")).json()["input"]["content_type"] == "image/x-mine"


def test_a_repeat_of_an_inline_submit_stores_nothing_new(
    film_a: httpx.Client, storage: S3Storage, still: bytes
) -> None:
    first, again = submit(film_a, inline(still), key="k-1"), submit(film_a, inline(still), key="k-1")
    assert again.json()["input"] == first.json()["input"]
    assert submit(film_a, inline(still[:-1]), key="k-1").json()["code"] == "idempotency_conflict"
    kept = [info.key for info in storage.list("projects/film-a/uploads/")]
    assert first.json()["input"]["object"] in kept


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        (inline(b"a picture? no, a poem"), 422, "unsupported_media"),
        (inline(b"RIFF\x00\x00\x00\x00WAVE"), 422, "unsupported_media"),
        ({"inline": {"base64": "not base64!"}}, 422, "invalid_request"),
        ({"inline": {"base64": "AAAAA"}}, 422, "invalid_request"),
        (inline(bytes(256_001)), 422, "invalid_request"),
        (inline(bytes(1_000_000)), 413, "body_too_large"),
        ({}, 422, "invalid_request"),
        ({"object": "projects/film-a/a.png", "url": "https://a.example/a.png"}, 422, "invalid_request"),
        ({"url": "https://a.example/a.png", "sha256": "ABC"}, 422, "invalid_request"),
        ({"url": "http://a.example/a.png"}, 422, "invalid_params"),
        ({"url": "https://user:password@a.example/a.png"}, 422, "invalid_params"),
        ({"url": "https://2130706433/a.png"}, 422, "invalid_params"),
    ],
)
def test_inputs_that_no_run_could_use(film_a: httpx.Client, given: dict[str, Any], status: int, code: str) -> None:
    refused = submit(film_a, given)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert "password" not in refused.text
    assert film_a.get("/v1/tasks").json()["items"] == []


def test_outputs_are_signed_when_they_are_read_or_lie_below_the_projects_cdn(
    door: FrontDoor, film_a: httpx.Client, redis_url: str, tmp_path: Path
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.hset("orch:project:film-b", "cdn_url", "https://cdn.example/films/")
    with door.caller("film-b") as film_b:
        for caller in (film_a, film_b):
            link = caller.post("/v1/tasks", json={"type": "system.echo"}).json()["links"]["self"]
            run = door.worker.claim("io")
            door.worker.finish(run, {"shots.json": b"[]"}, scratch=tmp_path)
            (output,) = caller.get(link).json()["outputs"]
            assert (output["size_bytes"], output["content_type"], len(output["sha256"])) == (2, "text/plain", 64)
            if caller is film_b:
                assert output["url"] == f"https://cdn.example/films/{run.prefix}shots.json"
            else:
                assert httpx.get(output["url"]).content == b"[]"


def test_the_query_of_a_url_is_kept_for_the_run_and_shown_to_nobody(film_a: httpx.Client, door: FrontDoor) -> None:
    url = "https://media.example.com/a.png?X-Amz-Signature=secret"
    answer = submit(film_a, {"url": url, "sha256": "0" * 64})
    shown = film_a.get(answer.json()["links"]["self"])
    assert shown.json()["input"] == {"url": "https://media.example.com/a.png?…", "sha256": "0" * 64}
    assert "secret" not in answer.text + shown.text + film_a.get("/v1/tasks").text
    assert door.worker.claim("image").task.input["url"] == url
