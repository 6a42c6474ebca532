"""The object store hangs up, forgets to answer and asks for pauses. Tests are named after the number of their fault."""

import os
import secrets
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import boto3
import pytest
from fault_proxy import FaultProxy, fault_proxy
from faults import Break, Loss, Refusal
from http_faults import SLOW_DOWN, HttpFaults, HttpScreen, is_request
from servers import SeaweedFs

from orchestrator.adapters.s3_storage import S3Storage
from orchestrator.domain.errors import Category, Unavailable

MIB = 1024**2
PART = rb"^PUT .*partNumber="


@pytest.fixture
def faults() -> HttpFaults:
    return HttpFaults()


@pytest.fixture
def proxy(s3_server: SeaweedFs, faults: HttpFaults) -> Iterator[FaultProxy]:
    with fault_proxy(int(s3_server.endpoint.rpartition(":")[2]), partial(HttpScreen, faults)) as proxy:
        yield proxy


@pytest.fixture
def storage(s3_server: SeaweedFs, proxy: FaultProxy) -> S3Storage:
    endpoint = f"http://127.0.0.1:{proxy.port}"
    return S3Storage(replace(s3_server.address, endpoint=endpoint))


@pytest.fixture
def key() -> str:
    return f"tests/{secrets.token_hex(8)}"


def make_file(folder: Path, *, size_bytes: int) -> Path:
    path = folder / "source"
    path.write_bytes(os.urandom(size_bytes))
    return path


def unfinished_uploads(server: SeaweedFs, key: str) -> list[str]:
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="auto",
        aws_access_key_id=server.access_key_id,
        aws_secret_access_key=server.secret_access_key,
    )
    found = client.list_multipart_uploads(Bucket=server.bucket, Prefix=key)
    return [upload["Key"] for upload in found.get("Uploads", ())]


def assert_stored(storage: S3Storage, key: str, *, source: Path) -> None:
    """The object is there, whole and once."""
    (found,) = storage.list(key)
    fetched = source.with_name("fetched")
    storage.fetch(key, fetched, etag=found.etag, limit_bytes=1024 * MIB)
    assert fetched.read_bytes() == source.read_bytes()


def test_everything_passes_when_nothing_is_wrong(storage: S3Storage, key: str, tmp_path: Path) -> None:
    source = make_file(tmp_path, size_bytes=3 * MIB)
    storage.store(source, key, content_type="video/mp4")
    assert_stored(storage, key, source=source)


def test_fault_28_a_connection_reset_at_the_second_part(
    storage: S3Storage, faults: HttpFaults, s3_server: SeaweedFs, key: str, tmp_path: Path
) -> None:
    source, reset = make_file(tmp_path, size_bytes=33 * MIB), Break(matches=is_request(PART + b"2"), times=1)
    with faults.making(reset):
        storage.store(source, key, content_type="video/mp4")
    assert reset.is_over
    assert_stored(storage, key, source=source)
    assert unfinished_uploads(s3_server, key) == []


def test_fault_28_a_transfer_cut_in_the_middle(storage: S3Storage, proxy: FaultProxy, key: str, tmp_path: Path) -> None:
    source = make_file(tmp_path, size_bytes=3 * MIB)
    storage.store(source, key, content_type="video/mp4")
    proxy.replies.cut_after_bytes = 2 * MIB
    (found,) = storage.list(key)
    with pytest.raises(Unavailable):
        storage.fetch(key, tmp_path / "cut", etag=found.etag, limit_bytes=1024 * MIB)
    assert not (tmp_path / "cut").exists()


def test_fault_28_pauses_are_asked_for(storage: S3Storage, faults: HttpFaults, key: str, tmp_path: Path) -> None:
    source, refusal = (
        make_file(tmp_path, size_bytes=MIB),
        Refusal(matches=is_request(b"^PUT "), answer=SLOW_DOWN, times=2),
    )
    with faults.making(refusal):
        storage.store(source, key, content_type="video/mp4")
    assert refusal.is_over
    assert_stored(storage, key, source=source)


def test_fault_28_pauses_without_end_are_a_failure_of_storage(
    storage: S3Storage, faults: HttpFaults, s3_server: SeaweedFs, key: str, tmp_path: Path
) -> None:
    source = make_file(tmp_path, size_bytes=17 * MIB)
    with faults.making(Refusal(matches=is_request(PART), answer=SLOW_DOWN)), pytest.raises(Unavailable) as caught:
        storage.store(source, key, content_type="video/mp4")
    assert caught.value.category is Category.STORAGE
    assert list(storage.list(key)) == []
    assert unfinished_uploads(s3_server, key) == []


@pytest.mark.parametrize("size_bytes", [MIB, 17 * MIB], ids=["whole", "in parts"])
def test_fault_29_a_put_is_carried_out_and_its_reply_is_lost(
    storage: S3Storage, faults: HttpFaults, key: str, tmp_path: Path, size_bytes: int
) -> None:
    source, loss = make_file(tmp_path, size_bytes=size_bytes), Loss(matches=is_request(b"^PUT "), times=1)
    with faults.making(loss):
        storage.store(source, key, content_type="video/mp4")
    assert loss.is_over
    assert_stored(storage, key, source=source)


def test_fault_29_the_reply_to_the_completion_of_an_upload_is_lost(
    storage: S3Storage, faults: HttpFaults, key: str, tmp_path: Path
) -> None:
    source, loss = make_file(tmp_path, size_bytes=17 * MIB), Loss(matches=is_request(rb"^POST .*uploadId="), times=1)
    with faults.making(loss):
        storage.store(source, key, content_type="video/mp4")
    assert loss.is_over
    assert_stored(storage, key, source=source)
