"""What a run does about its input: the right bytes or none, and no decoder for what is in no format of its type."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes_codec import FakePictures
from hostile_web import PRIVATE, PUBLIC, REACH, Names, no_tls, redirect, reply, serving
from made_media import noise
from record_store import open_store
from run_room import STILL, RunRoom

from orchestrator.adapters.web import HttpFetcher, Pace
from orchestrator.domain.content import DocumentRef
from orchestrator.domain.errors import Category
from orchestrator.domain.task import Status
from orchestrator.ports.codec import Picture

HOST = "media.example"


@pytest.fixture
def room(redis_url: str, tmp_path: Path) -> Iterator[RunRoom]:
    web = HttpFetcher(Names({HOST: [[PUBLIC]]}), REACH, Pace(silence_s=1), no_tls)
    with open_store(redis_url) as store:
        yield RunRoom(store, tmp_path / "scratch", web=web)


@pytest.fixture
def still(tmp_path: Path) -> bytes:
    FakePictures().encode(Picture(noise(3)), tmp_path / "still.png")
    return (tmp_path / "still.png").read_bytes()


def upscale(room: RunRoom, **given: object) -> None:
    room.submit(type="image.upscale", model="realesrgan_x4", input=given)
    room.execute()


def pinned(room: RunRoom, content: bytes) -> dict[str, object]:
    stored = room.storage.put(content, STILL, content_type="image/png")
    return {"object": STILL, "etag": stored.etag, "size_bytes": stored.size_bytes}


def failure(room: RunRoom) -> tuple[str, Category]:
    task = room.task
    assert (task.status, task.error is not None) == (Status.FAILED, True)
    assert task.error is not None
    assert room.engine.most_in_flight == 0, "no GPU time for an input that is refused"
    return task.error.code, task.error.category


def test_an_input_by_url_is_fetched_and_its_facts_are_on_the_receipt(room: RunRoom, still: bytes) -> None:
    with serving(reply(still)) as web:
        upscale(room, url=f"http://{HOST}:{web.port}/still.png?signature=secret")
    assert room.task.status is Status.SUCCEEDED
    receipt = room.storage.objects[room.task.outputs[-1].key][0]
    assert json.loads(receipt)["input"] == {
        "url": f"http://{HOST}:{web.port}/still.png?…",
        "format": "png",
        "size_bytes": len(still),
        "sha256": hashlib.sha256(still).hexdigest(),
    }
    assert b"secret" not in receipt


def test_an_object_has_its_facts_on_the_receipt_too(room: RunRoom, still: bytes) -> None:
    wanted = pinned(room, still)
    upscale(room, **wanted, sha256=hashlib.sha256(still).hexdigest())
    assert room.task.status is Status.SUCCEEDED
    shown = json.loads(room.storage.objects[room.task.outputs[-1].key][0])["input"]
    assert shown == {**wanted, "format": "png", "sha256": hashlib.sha256(still).hexdigest()}


def test_other_bytes_than_promised_are_refused(room: RunRoom, still: bytes) -> None:
    upscale(room, **pinned(room, still), sha256="0" * 64)
    assert failure(room) == ("input_changed", Category.INVALID_INPUT)


def test_another_size_than_at_the_submit_is_refused(room: RunRoom, still: bytes) -> None:
    upscale(room, **{**pinned(room, still), "size_bytes": 1})
    assert failure(room) == ("input_changed", Category.INVALID_INPUT)


@pytest.mark.parametrize("content", [b"", b"a picture? no, a poem", b"RIFF\x00\x00\x00\x00WAVE", b"GIF89a"])
def test_what_is_in_no_format_of_the_type_reaches_no_decoder(room: RunRoom, content: bytes) -> None:
    upscale(room, **pinned(room, content))
    assert failure(room) == ("unsupported_media", Category.INVALID_INPUT)


def test_a_url_that_leads_inside_fails_the_task_at_once(room: RunRoom, still: bytes) -> None:
    with serving(reply(still), host=PRIVATE) as canary, serving(redirect(f"http://{PRIVATE}:{canary.port}/")) as web:
        upscale(room, url=f"http://{HOST}:{web.port}/still.png")
    assert failure(room) == ("input_refused", Category.INVALID_INPUT)
    assert canary.visits == 0


def test_a_server_that_is_busy_is_asked_again_later(room: RunRoom, still: bytes) -> None:
    with serving(reply(status=503), reply(still)) as web:
        upscale(room, url=f"http://{HOST}:{web.port}/still.png")
        assert (room.task.status, room.task.tries) == (Status.QUEUED, {Category.NETWORK: 1})
        room.store.tick(60)
        room.execute()
    assert room.task.status is Status.SUCCEEDED


def test_a_picture_over_the_limit_is_not_fetched_to_its_end(room: RunRoom) -> None:
    with serving(reply(b"", content_length=str(10**12))) as web:
        upscale(room, url=f"http://{HOST}:{web.port}/still.png")
    assert failure(room) == ("media_too_large", Category.INVALID_INPUT)


class TestPayload:
    """A document of PayloadCMS as the input."""

    DOCUMENT = DocumentRef("media", 3)
    TEXT = "still.png"

    def wanted(self, content: bytes) -> dict[str, object]:
        facts = {"filename": self.TEXT, "size_bytes": len(content), "content_type": "image/png"}
        return {"payload": {"collection": "media", "id": 3}, **facts}

    def test_its_facts_are_on_the_receipt(self, room: RunRoom, still: bytes) -> None:
        room.content.files[self.DOCUMENT] = self.TEXT, still
        upscale(room, **self.wanted(still))
        assert room.task.status is Status.SUCCEEDED
        receipt = json.loads(room.storage.objects[room.task.outputs[-1].key][0])["input"]
        assert receipt == {**self.wanted(still), "format": "png", "sha256": hashlib.sha256(still).hexdigest()}

    @pytest.mark.parametrize("name", ["other.png", "still.png"])
    def test_a_document_that_got_another_file_is_refused(self, room: RunRoom, still: bytes, name: str) -> None:
        room.content.files[self.DOCUMENT] = name, still + b"more" * (name == self.TEXT)
        upscale(room, **self.wanted(still))
        assert failure(room) == ("input_changed", Category.INVALID_INPUT)

    def test_one_that_is_gone_is_not_found(self, room: RunRoom, still: bytes) -> None:
        upscale(room, **self.wanted(still))
        assert failure(room) == ("input_not_found", Category.INVALID_INPUT)
