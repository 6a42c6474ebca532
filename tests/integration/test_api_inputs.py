"""The media of a task over HTTP: a key, a URL or the bytes themselves. On the real store of objects."""

import base64
import io
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
import redis
import servers
from front_door import KEYS, FrontDoor
from made_media import noise
from PIL import Image

from orchestrator.adapters.s3_storage import S3Storage
from orchestrator.client import Client
from orchestrator.domain.content import DocumentRef

UPSCALE = "image.upscale"


@pytest.fixture
def storage(r2_server: servers.SeaweedFs) -> S3Storage:
    return S3Storage(r2_server.address)


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


class TestPayload:
    """A document of PayloadCMS as the input."""

    DOCUMENT: ClassVar[dict[str, Any]] = {"payload": {"collection": "media", "id": 3}}

    @pytest.fixture(autouse=True)
    def projects(self, door: FrontDoor, still: bytes) -> None:
        door.content.files[DocumentRef("media", 3)] = "still.png", still
        with door.admin as admin:
            admin.patch("/v1/projects/film-a", json={"payload_collection": "inference-jobs"}).raise_for_status()

    def test_what_the_document_holds_now_is_part_of_the_task(self, film_a: httpx.Client, still: bytes) -> None:
        shown = submit(film_a, {**self.DOCUMENT, "sha256": "0" * 64}).json()["input"]
        facts = {"filename": "still.png", "size_bytes": len(still), "content_type": "image/png"}
        assert shown == {**self.DOCUMENT, **facts, "sha256": "0" * 64}

    def test_another_document_is_another_request(self, film_a: httpx.Client, door: FrontDoor, still: bytes) -> None:
        door.content.files[DocumentRef("media", 4)] = "other.png", still
        first, again = submit(film_a, self.DOCUMENT, key="k-1"), submit(film_a, self.DOCUMENT, key="k-1")
        assert again.json()["id"] == first.json()["id"]
        other = submit(film_a, {"payload": {"collection": "media", "id": 4}}, key="k-1")
        assert other.json()["code"] == "idempotency_conflict"

    def test_an_estimate_knows_its_size(self, film_a: httpx.Client) -> None:
        asked = film_a.post("/v1/tasks:estimate", json={"type": UPSCALE, "input": self.DOCUMENT}).json()
        assert (asked["accepted"], asked["refusal"]) == (True, None)

    @pytest.mark.parametrize(
        ("given", "code"),
        [
            ({"collection": "media", "id": 4}, "input_not_found"),
            ({"collection": "assets", "id": "fd34-0909"}, "input_not_found"),
            ({"collection": "users", "id": 1}, "invalid_params"),
            ({"collection": "media/../users", "id": 1}, "invalid_request"),
            ({"collection": "media", "id": "../1"}, "invalid_request"),
            ({"collection": "media", "id": 1.5}, "invalid_request"),
            ({"collection": "media"}, "invalid_request"),
        ],
    )
    def test_documents_that_no_run_could_use(self, film_a: httpx.Client, given: dict[str, Any], code: str) -> None:
        refused = submit(film_a, {"payload": given})
        assert (refused.status_code, refused.json()["code"]) == (422, code)

    def test_a_project_that_is_not_shown_there_reads_nothing_there(self, door: FrontDoor) -> None:
        with door.caller("film-b") as film_b:
            refused = submit(film_b, self.DOCUMENT)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_params")
        assert "payload_collection" in refused.json()["detail"]

    def test_a_project_reads_there_as_soon_as_it_is_shown_there(self, door: FrontDoor) -> None:
        """A key that was seen lately is known for four seconds, with its project as it was."""
        with door.caller("film-b") as film_b, door.admin as admin:
            for collection, status in ((None, 422), ("inference-jobs", 202), (None, 422)):
                admin.patch("/v1/projects/film-b", json={"payload_collection": collection}).raise_for_status()
                assert submit(film_b, self.DOCUMENT).status_code == status

    def test_the_client_names_it_in_a_word(self, door: FrontDoor) -> None:
        with Client(door.url, KEYS["film-a"], tries=1) as client:
            task = client.submit(UPSCALE, "payload:media/3")
        assert task.input is not None
        assert task.input["payload"] == self.DOCUMENT["payload"]
