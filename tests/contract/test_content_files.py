"""`ContentFiles`: each promise of the port, kept by the fake and by a real PayloadCMS; and whom our key is shown."""

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fakes_content import FakeContentFiles
from fetch_room import fetcher, go_on
from hostile_web import PRIVATE, PUBLIC, Answer, Names, redirect, reply, serving
from payload_cms_server import Payload

from orchestrator.adapters.payload_cms import PayloadAddress, PayloadApi, PayloadFiles
from orchestrator.domain.breaker import AccessDenied
from orchestrator.domain.content import DocumentRef
from orchestrator.domain.errors import Category, InputNotFound, InputRefused, MediaTooLarge, RunCanceled, Unavailable
from orchestrator.ports.content import ContentFiles

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108020000009"
    "07753de0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)
LIMIT = 10_000
STORE = "store.example"


@dataclass
class Room:
    """The files of a CMS, and how an editor uploads one; it is named by its document."""

    files: ContentFiles
    upload: Callable[[str, bytes], DocumentRef]


@pytest.fixture(params=["fake", "payload"])
def room(request: pytest.FixtureRequest) -> Iterator[Room]:
    if request.param == "fake":
        yield fake_room()
    else:
        server: Payload = request.getfixturevalue("payload_server")
        with closing(PayloadApi(PayloadAddress(server.url, server.api_key))) as api:
            yield Room(PayloadFiles(api, fetcher()), lambda name, content: upload(api, name, content=content))


def fake_room() -> Room:
    files = FakeContentFiles()

    def add(name: str, content: bytes) -> DocumentRef:
        document = DocumentRef("media", len(files.files) + 1)
        files.files[document] = name, content
        return document

    return Room(files, add)


def upload(api: PayloadApi, name: str, *, content: bytes) -> DocumentRef:
    answer = api.ask("POST", "/media", data={"_payload": "{}"}, files={"file": (name, content, "image/png")})
    return DocumentRef("media", answer.raise_for_status().json()["doc"]["id"])


@pytest.fixture
def name() -> str:
    return f"still {secrets.token_hex(4)}.png"


def test_a_file_is_found_and_fetched(room: Room, name: str, tmp_path: Path) -> None:
    found = room.files.find(room.upload(name, PNG))
    assert (found.filename, found.size_bytes, found.content_type) == (name, len(PNG), "image/png")
    room.files.fetch(found, tmp_path / "source", limit_bytes=LIMIT, keep_going=go_on)
    assert (tmp_path / "source").read_bytes() == PNG


@pytest.mark.parametrize("nothing", [4711, "abc", "../users/1"])
def test_a_document_that_is_not_there(room: Room, nothing: str | int) -> None:
    with pytest.raises(InputNotFound):
        room.files.find(DocumentRef("media", nothing))


def test_nothing_is_left_of_a_file_that_is_too_large(room: Room, name: str, tmp_path: Path) -> None:
    found = room.files.find(room.upload(name, PNG))
    with pytest.raises(MediaTooLarge):
        room.files.fetch(found, tmp_path / "source", limit_bytes=len(PNG) - 1, keep_going=go_on)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_when_the_run_must_end(room: Room, name: str, tmp_path: Path) -> None:
    def stop() -> None:
        raise RunCanceled

    found = room.files.find(room.upload(name, PNG))
    with pytest.raises(RunCanceled):
        room.files.fetch(found, tmp_path / "source", limit_bytes=LIMIT, keep_going=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_document_without_a_file_is_none(payload_server: Payload) -> None:
    with closing(PayloadApi(PayloadAddress(payload_server.url, payload_server.api_key))) as api:
        made = api.ask("POST", "/inference-jobs", json={"type": "system.echo"}).json()["doc"]["id"]
        with pytest.raises(InputNotFound):
            PayloadFiles(api, fetcher()).find(DocumentRef("inference-jobs", made))


def test_a_key_that_payload_does_not_know_is_waited_for(payload_server: Payload) -> None:
    """Whoever changes the key loses nothing meanwhile; a key that may not do that is another matter."""
    with closing(PayloadApi(PayloadAddress(payload_server.url, "an old one"))) as api, pytest.raises(AccessDenied):
        PayloadFiles(api, fetcher()).find(DocumentRef("media", 1))


def test_the_check_knows_a_key_from_a_wrong_one(payload_server: Payload) -> None:
    with closing(PayloadApi(PayloadAddress(payload_server.url, payload_server.api_key))) as api:
        api.check()
    with closing(PayloadApi(PayloadAddress(payload_server.url, "another"))) as stranger, pytest.raises(AccessDenied):
        stranger.check()


# From here on an impostor answers as a Payload with another store would.


def document(url: str) -> Answer:
    found = {"id": 1, "url": url, "filename": "still.png", "filesize": len(PNG), "mimeType": "image/png"}
    return reply(json.dumps({"docs": [found]}).encode(), content_type="application/json")


def fetch(*answers: Answer, into: Path, collection: str = "media") -> list[bytes]:
    """What the impostor was asked on the way."""
    with serving(*answers, host=PRIVATE) as cms:
        address = PayloadAddress(f"http://{PRIVATE}:{cms.port}", "the key", api_path="/cms/api/")
        with closing(PayloadApi(address)) as api:
            files = PayloadFiles(api, fetcher(Names({STORE: [[PUBLIC]]})))
            found = files.find(DocumentRef(collection, 1))
            files.fetch(found, into / "source", limit_bytes=LIMIT, keep_going=go_on)
        return cms.requests


def test_a_redirect_to_a_store_is_followed_without_the_key(tmp_path: Path) -> None:
    with serving(reply(PNG)) as store:
        sent_on = redirect(f"http://{STORE}:{store.port}/bucket/still.png?X-Amz-Signature=1")
        asked = fetch(document("/cms/api/media/file/still.png?prefix=cms"), sent_on, into=tmp_path)
    assert asked[1].startswith(b"GET /cms/api/media/file/still.png?prefix=cms ")
    assert all(b"users API-Key the key" in request for request in asked)
    assert [b"authorization" in request.lower() for request in store.requests] == [False]
    assert (tmp_path / "source").read_bytes() == PNG


def test_a_redirect_to_the_inside_is_refused(tmp_path: Path) -> None:
    with serving(reply(PNG), host=PRIVATE) as inside, pytest.raises(InputRefused):
        fetch(document("/cms/api/media/file/a.png"), redirect(f"http://{PRIVATE}:{inside.port}/"), into=tmp_path)
    assert (inside.visits, list(tmp_path.iterdir())) == (0, [])


@pytest.mark.parametrize("collection", ["media", "assets"])
def test_a_file_elsewhere_is_fetched_without_the_key(tmp_path: Path, collection: str) -> None:
    with serving(reply(PNG)) as store:
        fetch(document(f"http://{STORE}:{store.port}/still.png"), into=tmp_path, collection=collection)
    assert [b"authorization" in request.lower() for request in store.requests] == [False]


@pytest.mark.parametrize(
    "path",
    [
        "/cms/api/users/1",
        "/cms/api/assets/file/../../users/1",
        "/cms/api/assets/file/..%2F..%2Fusers/1",
        "/cms/api/media/file/of-others.png",
        "/cms/apis/assets/file/a.png",
    ],
)
def test_what_an_editor_writes_into_a_link_opens_nothing_of_payload_itself(tmp_path: Path, path: str) -> None:
    """The node's key would; without it the guard does not even go there."""
    with pytest.raises(InputRefused):
        fetch(document(path), reply(PNG), into=tmp_path, collection="assets")


def test_a_payload_that_fails_is_asked_again_by_the_next_run(tmp_path: Path) -> None:
    for answers in ([reply(status=503)], [document("/cms/api/media/file/a.png"), reply(status=500)]):
        with pytest.raises(Unavailable) as failure:
            fetch(*answers, into=tmp_path)
        assert failure.value.category is Category.NETWORK
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_gone_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(InputNotFound):
        fetch(document("/cms/api/media/file/a.png"), reply(status=httpx.codes.NOT_FOUND), into=tmp_path)
