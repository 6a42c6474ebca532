"""The quick way to S3 by itself: that it succeeds where it should, so that boto3 is asked only when it must be."""

import secrets
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import pytest
from servers import SeaweedFs
from storage_room import get_signed

from orchestrator.adapters.s3_storage import S3Address, S3Storage
from orchestrator.adapters.s3_storage.body import Body, body_of
from orchestrator.adapters.s3_storage.quick import QuickS3, Span, Unsettled
from orchestrator.domain.errors import MediaTooLarge
from orchestrator.local.loopback import pick_ports
from orchestrator.ports.storage import ObjectInfo, go_on

BROKEN_OFF = b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\nETag: "0"\r\n\r\nonly this much'


@pytest.fixture(params=["s3", "r2"])
def address(request: pytest.FixtureRequest) -> S3Address:
    server: SeaweedFs = request.getfixturevalue(f"{request.param}_server")
    return server.address


@pytest.fixture
def key() -> str:
    """A key that nobody used before, with characters that must be quoted in a URL."""
    return f"projects/film a/é+{secrets.token_hex(4)}~.png"


def put(quick: QuickS3, key: str, *, body: Body) -> str:
    headers = {"content-type": "image/png", "if-none-match": "*", "x-amz-meta-sha256": body.digest.hex()}
    return quick.put(key, body, headers=headers)


def read(info: ObjectInfo, chunks: Iterator[bytes]) -> bytes:
    content = b"".join(chunks)
    assert len(content) == info.size_bytes
    return content


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"seven bytes, or more")
    return path


def test_what_it_signs_is_accepted(address: S3Address, key: str, source: Path) -> None:
    quick = QuickS3(address)
    body = body_of(source.read_bytes())
    etag = put(quick, key, body=body)
    found = quick.head(key)
    assert (found.etag, found.size_bytes, found.sha256) == (etag, body.size_bytes, body.digest.hex())
    assert quick.get(key, etag=etag, span=None, read=read) == source.read_bytes()
    assert quick.get(key, etag=etag, span=Span(2, 4), read=read) == source.read_bytes()[2:6]


def test_a_url_that_another_key_signed_opens_nothing(address: S3Address, key: str, source: Path) -> None:
    storage, stranger = S3Storage(address), S3Storage(replace(address, secret_access_key="wrong"))
    storage.store(source, key, content_type="image/png")
    own, foreign = (signer.sign_get(key, expires_s=60, filename="a.png") for signer in (storage, stranger))
    assert get_signed(own.url).status_code == HTTPStatus.OK
    assert get_signed(foreign.url).status_code == HTTPStatus.FORBIDDEN


def test_an_empty_object_goes_both_ways(address: S3Address, key: str) -> None:
    quick = QuickS3(address)
    assert quick.get(key, etag=put(quick, key, body=body_of(b"")), span=None, read=read) == b""


def test_bytes_that_change_on_their_way_are_refused(address: S3Address, key: str) -> None:
    passes = iter([b"as it was read", b"as it was sent"])  # first to hash it, then to send it
    spoilt = Body(14, lambda _most_bytes: iter([next(passes)]), keep_going=go_on)
    with pytest.raises(Unsettled):
        put(QuickS3(address), key, body=spoilt)
    with pytest.raises(Unsettled):
        QuickS3(address).head(key)


def test_what_is_there_is_not_replaced(address: S3Address, key: str) -> None:
    quick = QuickS3(address)
    etag = put(quick, key, body=body_of(b"first"))
    with pytest.raises(Unsettled):
        put(quick, key, body=body_of(b"second"))
    assert quick.get(key, etag=etag, span=None, read=read) == b"first"


def test_it_settles_nothing_but_a_success(address: S3Address, key: str) -> None:
    quick = QuickS3(address)
    stored = put(quick, key, body=body_of(b"some bytes"))
    away = QuickS3(replace(address, endpoint=f"http://127.0.0.1:{pick_ports(1)[0]}"))
    forbidden = QuickS3(replace(address, secret_access_key="wrong"))
    for storage, wanted, etag in ((quick, "missing", stored), (quick, key, "0" * 32)):
        with pytest.raises(Unsettled):
            storage.get(wanted, etag=etag, span=None, read=read)
    for storage in (away, forbidden):
        with pytest.raises(Unsettled):
            storage.head(key)
    assert quick.head(key).etag == stored  # the connection that was answered 404 and 412 is not out of step


def test_what_the_reader_raises_is_not_explained_away(address: S3Address, key: str) -> None:
    quick = QuickS3(address)
    etag = put(quick, key, body=body_of(b"some bytes"))

    def refuse(_info: ObjectInfo, _chunks: Iterator[bytes]) -> None:
        raise MediaTooLarge

    with pytest.raises(MediaTooLarge):
        quick.get(key, etag=etag, span=None, read=refuse)
    assert quick.head(key).etag == etag


def test_a_body_that_breaks_off_is_no_success(address: S3Address, key: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def break_off() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(BROKEN_OFF)

        thread = threading.Thread(target=break_off)
        thread.start()
        broken = QuickS3(replace(address, endpoint=f"http://127.0.0.1:{server.getsockname()[1]}"))
        with pytest.raises(Unsettled):
            broken.get(key, etag="0", span=None, read=read)
        thread.join()
