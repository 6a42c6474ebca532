"""Releases over HTTP, against the real store of objects, and by the client: pushed once, proven, never changed."""

import hashlib
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
import servers
from front_door import SECRETS, FrontDoor, front_door
from made_models import onnx_bytes
from push_room import CONFIG, MODEL
from storage_room import put_signed

from orchestrator.adapters.s3_storage import S3Parts, S3Storage
from orchestrator.client import Client
from orchestrator.client.errors import ReleaseExists
from orchestrator.client.releases import NewRelease
from orchestrator.domain.upload import MIB, UploadSizes

SIZES = UploadSizes(one_put_bytes=6 * MIB, part_bytes=5 * MIB)
ROOM = "/v1/models/{}/releases"


@pytest.fixture(scope="module", params=["s3", "r2"])
def server(request: pytest.FixtureRequest) -> servers.SeaweedFs:
    found: servers.SeaweedFs = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest.fixture(scope="module")
def storage(server: servers.SeaweedFs) -> S3Storage:
    return S3Storage(server.address)


@pytest.fixture(scope="module")
def door(redis_server: servers.Valkey, storage: S3Storage, server: servers.SeaweedFs) -> Iterator[FrontDoor]:
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    with front_door(redis_server.url, storage, part_storage=S3Parts(server.address), sizes=SIZES) as door:
        yield door


@pytest.fixture
def model() -> str:
    """A name that nobody has used: all tests share a bucket."""
    return f"model-{secrets.token_hex(4)}"


@pytest.fixture
def admin(door: FrontDoor) -> Iterator[httpx.Client]:
    with door.admin as caller:
        yield caller


@pytest.fixture
def client(door: FrontDoor) -> Iterator[Client]:
    with Client(door.url, SECRETS.admin_key) as client:
        yield client


def declared(files: Mapping[str, bytes]) -> list[dict[str, Any]]:
    return [
        {"path": path, "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for path, content in files.items()
    ]


def begin(admin: httpx.Client, model: str, *, files: Mapping[str, bytes], **more: object) -> dict[str, Any]:
    answer = admin.post(ROOM.format(model), json={"files": declared(files), **more})
    assert answer.status_code == 201, answer.text
    push: dict[str, Any] = answer.json()
    return push


def put(push: Mapping[str, Any], path: str, *, content: bytes) -> httpx.Response:
    (file,) = (file for file in push["files"] if file["path"] == path)
    return put_signed(file["url"], content=content, headers=file["headers"])


def send_slowly(push: Mapping[str, Any], path: str, *, content: bytes) -> None:
    """R2 takes one write a second of a key."""
    pause, give_up_at = threading.Event(), time.monotonic() + 20
    while not put(push, path, content=content).is_success:
        assert time.monotonic() < give_up_at
        pause.wait(0.2)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_release_is_what_was_pushed(model: str, admin: httpx.Client, storage: S3Storage) -> None:
    files = {"model.onnx": MODEL, "golden/a.npz": b"a", "golden/b.npz": b"b", "labels.txt": b"cat\ndog"}
    golden = {"sample": "golden/a.npz", "expected": "golden/b.npz", "metric": "psnr", "bound": 40.0}
    push = begin(admin, model, files=files, goldens=[golden], source="a wheel", licence="MIT", config=CONFIG)
    assert (push["name"], push["release"]) == (f"{model}@1", None)
    assert refusal(admin.post(push["links"]["complete"])) == (409, "upload_incomplete")
    assert refusal(admin.get(push["links"]["self"])) == (404, "model_not_found"), "half of it is no release"
    for path, content in files.items():
        assert put(push, path, content=content).is_success
    made = admin.post(push["links"]["complete"]).json()
    assert made == admin.get(push["links"]["self"]).json() == admin.post(push["links"]["complete"]).json()
    assert admin.get(ROOM.format(model)).json()["items"] == [made]
    assert {file["path"] for file in made["files"]} == {
        "1/model.onnx",
        "config.pbtxt",
        "golden/a.npz",
        "golden/b.npz",
        "labels.txt",
    }
    assert made["inputs"] == [{"name": "x", "datatype": "FP32", "dims": [3, -1, -1]}]
    assert (made["goldens"], made["source"], made["licence"]) == ([golden], "a wheel", "MIT")
    assert storage.head(f"models/{model}/1/manifest.json").content_type == "application/json"


def test_the_same_again_is_the_same_release_and_another_the_next(model: str, client: Client, tmp_path: Path) -> None:
    path, other = tmp_path / "a.onnx", tmp_path / "b.onnx"
    path.write_bytes(MODEL)
    other.write_bytes(onnx_bytes({"x": ("n", 4)}, {"y": ("n", 1)}))
    first = client.models.releases.push(model, NewRelease({"model.onnx": path}))
    again = client.models.releases.push(model, NewRelease({"7/model.onnx": path}))
    second = client.models.releases.push(model, NewRelease({"model.onnx": other}))
    assert (first.name, again, second.name) == (f"{model}@1", first, f"{model}@2")
    with pytest.raises(ReleaseExists):
        client.models.releases.push(model, NewRelease({"model.onnx": other}), version=1)
    seventh = client.models.releases.push(model, NewRelease({"model.onnx": other}), version=7)
    assert [release.version for release in client.models.releases.list(model)] == [1, 2, 7]
    assert seventh == client.models.releases.get(model, 7)


def test_what_was_sent_cannot_be_sent_again(model: str, admin: httpx.Client) -> None:
    push = begin(admin, model, files={"model.onnx": MODEL})
    assert put(push, "model.onnx", content=MODEL).is_success
    made = admin.post(push["links"]["complete"]).json()
    assert put(push, "model.onnx", content=MODEL[::-1]).status_code in {412, 429}, (
        "the URL is for one PUT; R2 has a rate"
    )
    assert admin.post(push["links"]["complete"]).json() == made
    assert made["files"][0]["sha256"] == hashlib.sha256(MODEL).hexdigest()


def test_other_bytes_than_announced_are_refused_and_can_be_sent_again(model: str, admin: httpx.Client) -> None:
    push = begin(admin, model, files={"model.onnx": MODEL})
    assert put(push, "model.onnx", content=MODEL[::-1]).is_success
    answer = admin.post(push["links"]["complete"])
    assert refusal(answer) == (422, "release_refused")
    assert [flaw["field"] for flaw in answer.json()["errors"]] == ["files.0.sha256"]
    again = begin(admin, model, files={"model.onnx": MODEL})
    assert again["version"] == push["version"]
    send_slowly(again, "model.onnx", content=MODEL)
    assert admin.post(again["links"]["complete"]).status_code == 200


def test_a_large_model_goes_in_parts_and_goes_on_after_a_break(
    model: str, client: Client, door: FrontDoor, tmp_path: Path
) -> None:
    weights = "w" * (12 * MIB)
    path = tmp_path / "large.onnx"
    path.write_bytes(onnx_bytes({"x": ("n", 4)}, {"y": ("n", 1)}, weights=weights))
    with door.admin as admin:
        push = begin(admin, model, files={"model.onnx": path.read_bytes()})
        (file,) = push["files"]
        assert [part["number"] for part in file["parts"]] == [1, 2, 3]
        part = file["parts"][1]
        piece = path.read_bytes()[part["begin"] : part["begin"] + part["size_bytes"]]
        assert put_signed(part["url"], content=piece, headers=part["headers"]).is_success
        assert refusal(admin.post(push["links"]["complete"])) == (409, "upload_incomplete")
        again = begin(admin, model, files={"model.onnx": path.read_bytes()})
        assert [part["number"] for part in again["files"][0]["parts"]] == [1, 3]
    told: list[tuple[int, int]] = []
    made = client.models.releases.push(
        model, NewRelease({"model.onnx": path}), on_progress=lambda sent, total: told.append((sent, total))
    )
    assert made.size_bytes > path.stat().st_size
    assert told[-1] == (path.stat().st_size, path.stat().st_size)


def test_what_lies_in_the_bucket_is_copied(model: str, admin: httpx.Client, storage: S3Storage) -> None:
    for name, content in {"3/model.onnx": MODEL, "config.pbtxt": CONFIG.encode(), "warmup/one.npz": b"PK"}.items():
        storage.put(content, f"incoming/{model}/{name}", content_type="application/octet-stream")
    push = admin.post(ROOM.format(model), json={"from_prefix": f"incoming/{model}"}).json()
    assert all(file["is_there"] for file in push["files"])
    made = admin.post(push["links"]["complete"]).json()
    assert [file["path"] for file in made["files"]] == ["1/model.onnx", "config.pbtxt", "warmup/one.npz"]
    assert refusal(admin.post(ROOM.format("x"), json={"from_prefix": "projects/film-a/uploads"}))[0] == 422


def test_a_deleted_release_is_gone_and_its_version_stays_taken(model: str, client: Client, tmp_path: Path) -> None:
    path, other = tmp_path / "a.onnx", tmp_path / "b.onnx"
    path.write_bytes(MODEL)
    other.write_bytes(onnx_bytes({"x": ("n", 4)}, {"y": ("n", 1)}))
    first = client.models.releases.push(model, NewRelease({"model.onnx": path}))
    client.models.releases.delete(model, 1)
    assert client.models.releases.list(model) == ()
    assert client.models.releases.push(model, NewRelease({"model.onnx": other})).version == 2
    assert client.models.releases.push(model, NewRelease({"model.onnx": path})) == first
