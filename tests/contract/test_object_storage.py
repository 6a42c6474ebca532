"""The promises of `ports/storage.py`, kept by the fake, by S3 (SeaweedFS), and by that as strict as R2."""

import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from storage_room import LARGE, Bucket

from orchestrator.domain.breaker import AccessDenied
from orchestrator.domain.errors import (
    Category,
    InputChanged,
    InputNotFound,
    MediaTooLarge,
    Refused,
    Unavailable,
)
from orchestrator.ports.storage import ObjectInfo, ObjectStorage


def test_a_usable_bucket_passes_the_check(bucket: Bucket) -> None:
    bucket.storage.check()


def test_a_check_of_a_store_that_is_away_ends_within_seconds(bucket: Bucket) -> None:
    began = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        bucket.away.check()
    assert caught.value.category is Category.STORAGE
    assert time.monotonic() - began < 5


def test_a_check_refuses_a_bucket_that_is_missing_and_keys_that_are_wrong(bucket: Bucket) -> None:
    with pytest.raises(Refused):
        bucket.missing.check()
    with pytest.raises(AccessDenied):
        bucket.forbidden.check()


def test_head_says_what_was_stored(bucket: Bucket, key: str, source: Path) -> None:
    stored = bucket.storage.store(source, key, content_type="image/png")
    found = bucket.storage.head(key)
    assert found == stored
    assert (found.key, found.size_bytes, found.content_type) == (key, source.stat().st_size, "image/png")


def test_head_of_nothing_is_not_found(bucket: Bucket, key: str) -> None:
    with pytest.raises(InputNotFound):
        bucket.storage.head(key)


def test_put_stores_what_is_held_in_memory(bucket: Bucket, key: str, source: Path) -> None:
    stored = bucket.storage.put(b"a picture", key, content_type="image/png")
    assert bucket.storage.head(key) == stored
    assert bucket.storage.fetch(key, source.with_name("copy"), etag=stored.etag, limit_bytes=9) == stored
    assert source.with_name("copy").read_bytes() == b"a picture"


@pytest.mark.parametrize("call", ["head", "fetch", "store", "put", "list", "delete"])
@pytest.mark.parametrize(("way", "error"), [("away", Unavailable), ("forbidden", AccessDenied)])
def test_every_call_says_unavailable_or_refused(
    bucket: Bucket, source: Path, call: str, way: str, error: type[Exception]
) -> None:
    storage: ObjectStorage = getattr(bucket, way)
    calls: dict[str, Callable[[], object]] = {
        "head": lambda: storage.head("key"),
        "fetch": lambda: storage.fetch("key", source.with_name("copy"), etag="etag", limit_bytes=1),
        "store": lambda: storage.store(source, "key", content_type="image/png"),
        "put": lambda: storage.put(b"", "key", content_type="image/png"),
        "list": lambda: list(storage.list("")),
        "delete": lambda: storage.delete("key"),
    }
    with pytest.raises(error):
        calls[call]()
    assert not source.with_name("copy").exists()


def test_the_etag_changes_with_the_bytes(bucket: Bucket, key: str, source: Path) -> None:
    before = bucket.storage.store(source, key, content_type="image/png")
    assert put_another(bucket, key).etag != before.etag


def put_another(bucket: Bucket, key: str) -> ObjectInfo:
    """What a client may do who holds a URL: other bytes at the same key."""
    signed = bucket.storage.sign_put(key, content_type="image/png", size_bytes=11, expires_s=60)
    pause, give_up_at = threading.Event(), time.monotonic() + 10
    while not bucket.upload(signed, b"other bytes"):  # R2 takes one write a second of a key
        assert time.monotonic() < give_up_at
        pause.wait(0.2)
    return bucket.storage.head(key)


@pytest.mark.parametrize("size_bytes", [0, 1000, LARGE])
def test_fetch_brings_back_what_store_put_also_in_parts(
    bucket: Bucket, key: str, tmp_path: Path, size_bytes: int
) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(secrets.token_bytes(size_bytes))
    stored = bucket.storage.store(source, key, content_type="video/mp4")
    fetched = bucket.storage.fetch(key, copy, etag=stored.etag, limit_bytes=size_bytes)
    assert fetched == stored
    assert copy.read_bytes() == source.read_bytes()


def test_fetch_of_nothing_is_not_found(bucket: Bucket, key: str, tmp_path: Path) -> None:
    with pytest.raises(InputNotFound):
        bucket.storage.fetch(key, tmp_path / "copy", etag="0" * 32, limit_bytes=1)


def test_fetch_notices_another_object_in_its_place(bucket: Bucket, key: str, source: Path) -> None:
    seen = bucket.storage.store(source, key, content_type="image/png")
    put_another(bucket, key)
    with pytest.raises(InputChanged):
        bucket.storage.fetch(key, source.with_name("copy"), etag=seen.etag, limit_bytes=100)
    assert not source.with_name("copy").exists()


def test_fetch_leaves_nothing_of_an_object_that_is_too_large(bucket: Bucket, key: str, source: Path) -> None:
    stored = bucket.storage.store(source, key, content_type="image/png")
    with pytest.raises(MediaTooLarge):
        bucket.storage.fetch(key, source.with_name("copy"), etag=stored.etag, limit_bytes=stored.size_bytes - 1)
    assert not source.with_name("copy").exists()


def test_fetch_never_writes_over_a_file(bucket: Bucket, key: str, source: Path) -> None:
    stored = bucket.storage.store(source, key, content_type="image/png")
    with pytest.raises(FileExistsError):
        bucket.storage.fetch(key, source, etag=stored.etag, limit_bytes=100)
    assert source.read_bytes() == b"seven bytes, or more"


def test_list_walks_a_prefix_in_order(bucket: Bucket, key: str, source: Path) -> None:
    for name in ("b", "c", "a"):
        bucket.storage.store(source, f"{key}/{name}", content_type="image/png")
    bucket.storage.store(source, f"{key}-beside", content_type="image/png")
    found = list(bucket.storage.list(f"{key}/"))
    assert [info.key for info in found] == [f"{key}/{name}" for name in "abc"]
    assert {(info.size_bytes, info.content_type) for info in found} == {(source.stat().st_size, "")}
    assert all(-2 < info.age_s < 600 for info in found), "by the store's clock"


def test_list_of_an_empty_prefix_is_empty(bucket: Bucket, key: str) -> None:
    assert list(bucket.storage.list(key)) == []


def test_delete_removes_and_may_be_repeated(bucket: Bucket, key: str, source: Path) -> None:
    bucket.storage.store(source, key, content_type="image/png")
    bucket.storage.delete(key)
    bucket.storage.delete(key)
    with pytest.raises(InputNotFound):
        bucket.storage.head(key)


def test_a_signed_put_takes_the_object_it_was_signed_for(bucket: Bucket, key: str) -> None:
    signed = bucket.storage.sign_put(key, content_type="image/png", size_bytes=3, expires_s=60)
    assert bucket.upload(signed, b"abc")
    found = bucket.storage.head(key)
    assert (found.size_bytes, found.content_type) == (3, "image/png")


def test_a_signed_put_takes_no_other_size(bucket: Bucket, key: str) -> None:
    signed = bucket.storage.sign_put(key, content_type="image/png", size_bytes=3, expires_s=60)
    assert not bucket.upload(signed, b"abcd")


def test_a_signed_get_offers_the_name_it_was_given(bucket: Bucket, key: str, source: Path) -> None:
    bucket.storage.store(source, key, content_type="image/png")
    signed = bucket.storage.sign_get(key, expires_s=60, filename="tête “à” tête.png")
    assert bucket.download(signed) == (source.read_bytes(), "tête “à” tête.png")


def test_signed_urls_say_when_they_expire(bucket: Bucket, key: str) -> None:
    put = bucket.storage.sign_put(key, content_type="image/png", size_bytes=3, expires_s=60)
    get = bucket.storage.sign_get(key, expires_s=60, filename="a.png")
    for signed in (put, get):
        assert 55 < signed.expires_at_s - time.time() <= 60
