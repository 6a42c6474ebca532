"""The promises of `ports/storage.py` about what is created: once, proven, and stopped without a trace."""

import hashlib
import secrets
from pathlib import Path

import pytest
from storage_room import LARGE, Bucket

from orchestrator.domain.errors import Refused, RunCanceled


@pytest.mark.parametrize("size_bytes", [0, 1000, LARGE])
def test_storing_again_is_harmless(bucket: Bucket, key: str, source: Path, size_bytes: int) -> None:
    source.write_bytes(bytes(size_bytes))
    first = bucket.storage.store(source, key, content_type="image/png")
    assert bucket.storage.store(source, key, content_type="image/png") == first


@pytest.mark.parametrize("size_bytes", [10, LARGE])
def test_what_lies_at_a_key_is_never_replaced(bucket: Bucket, key: str, source: Path, size_bytes: int) -> None:
    first = bucket.storage.store(source, key, content_type="image/png")
    source.write_bytes(secrets.token_bytes(size_bytes))
    with pytest.raises(Refused) as caught:
        bucket.storage.store(source, key, content_type="image/png")
    assert caught.value.code == "object_exists"
    with pytest.raises(Refused):
        bucket.storage.put(b"other bytes", key, content_type="image/png")
    assert bucket.storage.head(key) == first
    assert bucket.unfinished(key) == 0


@pytest.mark.parametrize("size_bytes", [1000, LARGE])
def test_the_sha256_is_that_of_the_bytes(bucket: Bucket, key: str, source: Path, size_bytes: int) -> None:
    source.write_bytes(secrets.token_bytes(size_bytes))
    stored = bucket.storage.store(source, key, content_type="image/png")
    fetched = bucket.storage.fetch(key, source.with_name("copy"), etag=stored.etag, limit_bytes=size_bytes)
    assert stored.sha256 == fetched.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()


@pytest.mark.parametrize("size_bytes", [1000, LARGE])
def test_a_stop_is_heard_and_leaves_nothing(bucket: Bucket, key: str, source: Path, size_bytes: int) -> None:
    source.write_bytes(secrets.token_bytes(size_bytes))

    def stop() -> None:
        raise RunCanceled

    with pytest.raises(RunCanceled):
        bucket.storage.store(source, key, content_type="image/png", keep_going=stop)
    assert list(bucket.storage.list(key)) == []
    assert bucket.unfinished(key) == 0
    stored = bucket.storage.store(source, key, content_type="image/png")
    copy = source.with_name("copy")
    with pytest.raises(RunCanceled):
        bucket.storage.fetch(key, copy, etag=stored.etag, limit_bytes=size_bytes, keep_going=stop)
    assert not copy.exists()
