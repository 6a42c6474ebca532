"""Uploads over HTTP, in one piece and in parts, against the real store of objects."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
import servers
from front_door import FrontDoor, front_door
from storage_room import put_signed

from orchestrator.adapters.s3_storage import S3Parts, S3Storage
from orchestrator.domain.upload import MIB, UploadSizes

SIZES = UploadSizes(one_put_bytes=6 * MIB, part_bytes=5 * MIB)
FILM = bytes(range(256)) * (12 * MIB // 256) + b"the end"  # three parts
ROOM = "/v1/uploads"


@dataclass(frozen=True)
class Bucket:
    """The real store, twice seen."""

    storage: S3Storage
    parts: S3Parts


@pytest.fixture(scope="module", params=["s3", "r2"])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    server: servers.SeaweedFs = request.getfixturevalue(f"{request.param}_server")
    return Bucket(S3Storage(server.address), S3Parts(server.address))


@pytest.fixture
def door(redis_url: str, bucket: Bucket) -> Iterator[FrontDoor]:
    with front_door(redis_url, bucket.storage, part_storage=bucket.parts, sizes=SIZES) as door:
        yield door


def offer(caller: httpx.Client, size_bytes: int) -> dict[str, Any]:
    body = {"filename": "../take 3.mp4", "content_type": "video/mp4", "size_bytes": size_bytes}
    answer = caller.post(ROOM, json=body)
    assert answer.status_code == 201, answer.text
    upload: dict[str, Any] = answer.json()
    return upload


def send(caller: httpx.Client, upload: dict[str, Any], *, numbers: list[int]) -> None:
    signed = caller.post(f"{ROOM}/{upload['id']}/parts", json={"numbers": numbers}).json()["items"]
    assert [part["number"] for part in signed] == numbers
    for part in signed:
        begin = (part["number"] - 1) * upload["part_size_bytes"]
        body = FILM[begin : begin + part["size_bytes"]]
        assert put_signed(part["url"], content=body, headers=part["headers"]).is_success


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_small_file_goes_in_one_piece(film_a: httpx.Client, bucket: Bucket) -> None:
    upload = offer(film_a, 3)
    assert (upload["part_size_bytes"], upload["part_count"]) == (None, None)
    assert upload["object"] == f"projects/film-a/uploads/{upload['id']}/take-3.mp4"
    where = f"{ROOM}/{upload['id']}"
    assert refusal(film_a.post(f"{where}/complete")) == (409, "upload_incomplete")
    assert refusal(film_a.post(f"{where}/parts", json={"numbers": [1]})) == (422, "invalid_params")
    headers = {"Content-Type": "video/mp4"}
    assert not put_signed(upload["url"], content=b"four", headers=headers).is_success, "the length is signed"
    assert not put_signed(upload["url"], content=b"abc", headers={"Content-Type": "text/html"}).is_success, (
        "the type too"
    )
    assert put_signed(upload["url"], content=b"abc", headers=headers).is_success
    state = film_a.post(f"{where}/complete").json()
    assert (state["is_complete"], state["etag"]) == (True, bucket.storage.head(upload["object"]).etag)
    assert refusal(film_a.delete(where)) == (409, "upload_complete")


def test_an_upload_over_the_quota_is_refused_and_an_abort_makes_room(film_a: httpx.Client, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.hset("orch:project:film-a", "max_bytes", len(FILM) + 3)
    large = offer(film_a, len(FILM))
    body = {"filename": "a.png", "content_type": "image/png", "size_bytes": 4}
    refused = film_a.post(ROOM, json=body)
    assert refusal(refused) == (429, "quota_exceeded")
    assert int(refused.headers["Retry-After"]) >= 1
    assert film_a.delete(f"{ROOM}/{large['id']}").status_code == 204
    assert offer(film_a, 4)["url"]


def test_a_large_file_goes_in_parts_also_after_a_break(film_a: httpx.Client, bucket: Bucket, tmp_path: Path) -> None:
    upload = offer(film_a, len(FILM))
    where = f"{ROOM}/{upload['id']}"
    assert (upload["url"], upload["part_size_bytes"], upload["part_count"]) == (None, 5 * MIB, 3)
    send(film_a, upload, numbers=[3, 1])
    assert refusal(film_a.post(f"{where}/complete")) == (409, "upload_incomplete")
    there = film_a.get(where).json()
    assert [(part["number"], part["size_bytes"]) for part in there["parts"]] == [
        (1, 5 * MIB),
        (3, len(FILM) - 10 * MIB),
    ]
    send(film_a, upload, numbers=[2])
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: film_a.post(f"{where}/complete"), range(2)))
    assert [answer.status_code for answer in answers] == [200, 200], "completing it twice at once is harmless"
    state = film_a.get(where).json()
    assert (state["is_complete"], state["size_bytes"], state["parts"]) == (True, len(FILM), [])
    bucket.storage.fetch(upload["object"], tmp_path / "film", etag=state["etag"], limit_bytes=len(FILM))
    assert (tmp_path / "film").read_bytes() == FILM
    task = film_a.post("/v1/tasks", json={"type": "video.shots", "input": {"object": upload["object"]}})
    assert task.json()["input"]["etag"] == state["etag"]


def test_an_upload_in_parts_is_no_input_before_it_is_complete(film_a: httpx.Client) -> None:
    upload = offer(film_a, len(FILM))
    submitted = film_a.post("/v1/tasks", json={"type": "video.shots", "input": {"object": upload["object"]}})
    assert refusal(submitted) == (422, "input_not_found")


def test_parts_have_the_size_that_they_were_signed_for(film_a: httpx.Client) -> None:
    upload = offer(film_a, len(FILM))
    where = f"{ROOM}/{upload['id']}"
    (part,) = film_a.post(f"{where}/parts", json={"numbers": [1]}).json()["items"]
    assert not put_signed(part["url"], content=FILM[: 5 * MIB - 1], headers={}).is_success
    for numbers, code in (([0], "invalid_request"), ([4], "invalid_params"), ([], "invalid_request")):
        assert refusal(film_a.post(f"{where}/parts", json={"numbers": numbers})) == (422, code)


def test_an_aborted_upload_is_gone_with_its_parts(film_a: httpx.Client, bucket: Bucket) -> None:
    upload = offer(film_a, len(FILM))
    where = f"{ROOM}/{upload['id']}"
    send(film_a, upload, numbers=[3])
    assert film_a.delete(where).status_code == 204
    for answer in (film_a.get(where), film_a.delete(where), film_a.post(f"{where}/complete")):
        assert refusal(answer) == (404, "upload_not_found")
    assert upload["object"] not in [unfinished.key for unfinished in bucket.parts.unfinished("projects/")]


def test_an_upload_belongs_to_its_project_and_ends_by_itself(
    door: FrontDoor, film_a: httpx.Client, redis_url: str
) -> None:
    upload = offer(film_a, len(FILM))
    where = f"{ROOM}/{upload['id']}"
    with door.caller("film-b") as film_b:
        for answer in (
            film_b.get(where),
            film_b.delete(where),
            film_b.post(f"{where}/complete"),
            film_b.post(f"{where}/parts", json={"numbers": [1]}),
        ):
            assert refusal(answer) == (404, "upload_not_found")
    with redis.Redis.from_url(redis_url) as client:
        assert 3500 < client.ttl(f"orch:upload:{upload['id']}") <= 3600
        client.delete(f"orch:upload:{upload['id']}")
    assert refusal(film_a.get(where)) == (404, "upload_not_found")
