"""The quick way to S3 by itself: that it succeeds where it should, so that boto3 is asked only when it must be."""

import secrets
import socket
import threading
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
from servers import SeaweedFs

from orchestrator.adapters.s3_storage import S3Address, S3Storage
from orchestrator.adapters.s3_storage.quick import QuickS3, Unsettled
from orchestrator.domain.errors import MediaTooLarge
from orchestrator.local.loopback import pick_ports

BROKEN_OFF = b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\nETag: "0"\r\n\r\nonly this much'


@pytest.fixture
def address(s3_server: SeaweedFs) -> S3Address:
    return s3_server.address


@pytest.fixture
def key() -> str:
    """A key that nobody used before, with characters that must be quoted in a URL."""
    return f"projects/film a/é+{secrets.token_hex(4)}~.png"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"seven bytes, or more")
    return path


def test_what_it_signs_is_accepted(address: S3Address, key: str, source: Path) -> None:
    quick = QuickS3(address)
    stored = quick.put(source.read_bytes(), key, content_type="image/png")
    copy = source.with_name("copy")
    assert quick.head(key) == stored
    assert quick.fetch(key, copy, etag=stored.etag, limit_bytes=stored.size_bytes) == stored
    assert copy.read_bytes() == source.read_bytes()


def test_a_url_that_another_key_signed_opens_nothing(address: S3Address, key: str, source: Path) -> None:
    storage, stranger = S3Storage(address), S3Storage(replace(address, secret_access_key="wrong"))
    storage.store(source, key, content_type="image/png")
    own, foreign = (signer.sign_get(key, expires_s=60, filename="a.png") for signer in (storage, stranger))
    assert httpx.get(own.url).status_code == HTTPStatus.OK
    assert httpx.get(foreign.url).status_code == HTTPStatus.FORBIDDEN


def test_an_empty_object_goes_both_ways(address: S3Address, key: str, source: Path) -> None:
    quick, copy = QuickS3(address), source.with_name("copy")
    source.write_bytes(b"")
    stored = quick.put(source.read_bytes(), key, content_type="image/png")
    assert quick.fetch(key, copy, etag=stored.etag, limit_bytes=0).size_bytes == 0
    assert copy.read_bytes() == b""


def test_it_settles_nothing_but_a_success(address: S3Address, key: str, source: Path) -> None:
    quick, copy = QuickS3(address), source.with_name("copy")
    stored = quick.put(source.read_bytes(), key, content_type="image/png")
    away = QuickS3(replace(address, endpoint=f"http://127.0.0.1:{pick_ports(1)[0]}"))
    forbidden = QuickS3(replace(address, secret_access_key="wrong"))
    for storage, wanted, etag in ((quick, "missing", stored.etag), (quick, key, "0" * 32)):
        with pytest.raises(Unsettled):
            storage.fetch(wanted, copy, etag=etag, limit_bytes=100)
    for storage in (away, forbidden):
        with pytest.raises(Unsettled):
            storage.head(key)
    assert not copy.exists()
    assert quick.head(key) == stored  # the connection that was answered 404 and 412 is not out of step


def test_one_too_large_is_not_asked_for_again(address: S3Address, key: str, source: Path) -> None:
    quick, copy = QuickS3(address), source.with_name("copy")
    stored = quick.put(source.read_bytes(), key, content_type="image/png")
    with pytest.raises(MediaTooLarge):
        quick.fetch(key, copy, etag=stored.etag, limit_bytes=stored.size_bytes - 1)
    assert quick.head(key) == stored


def test_a_body_that_breaks_off_is_asked_for_again(address: S3Address, key: str, source: Path) -> None:
    stored = S3Storage(address).store(source, key, content_type="image/png")
    copy = source.with_name("copy")
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
            broken.fetch(key, copy, etag=stored.etag, limit_bytes=1000)
        thread.join()
    assert not copy.exists()  # so that boto3 can begin anew
