"""The promises of `ports/parts.py`, kept by the fake, by S3 (SeaweedFS), and by that as strict as R2."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from fakes_parts import MemoryParts
from fakes_storage import MemoryStorage
from servers import SeaweedFs
from storage_room import put_signed

from orchestrator.adapters.s3_storage import S3Parts, S3Storage
from orchestrator.domain.breaker import AccessDenied
from orchestrator.domain.errors import Category, Unavailable, UploadNotFound
from orchestrator.domain.upload import Part
from orchestrator.local.loopback import pick_ports
from orchestrator.ports.parts import PartStorage
from orchestrator.ports.storage import ObjectStorage, SignedUrl

FIRST, LAST = b"a" * 5 * 1024**2, b"the rest"  # S3 takes no smaller part but the last


@dataclass
class Bucket:
    """A bucket, broken in two ways as well, and what a client does with a URL."""

    parts: PartStorage
    storage: ObjectStorage
    away: PartStorage
    forbidden: PartStorage
    upload: Callable[[SignedUrl, bytes], bool]


def memory_bucket() -> Bucket:
    storage = MemoryStorage()
    parts = MemoryParts(storage)
    away = MemoryStorage(failure=Unavailable("away", service="storage", category=Category.STORAGE))
    forbidden = MemoryStorage(failure=AccessDenied("no", service="storage"))
    return Bucket(parts, storage, MemoryParts(away), MemoryParts(forbidden), parts.upload)


def s3_bucket(server: SeaweedFs) -> Bucket:
    address = server.address

    def upload(signed: SignedUrl, body: bytes) -> bool:
        return put_signed(signed.url, content=body, headers={"Content-Length": str(len(body))}).is_success

    return Bucket(
        parts=S3Parts(address),
        storage=S3Storage(address),
        away=S3Parts(replace(address, endpoint=f"http://127.0.0.1:{pick_ports(1)[0]}")),
        forbidden=S3Parts(replace(address, secret_access_key="wrong")),
        upload=upload,
    )


@pytest.fixture(params=["fake", "s3", "r2"], scope="module")
def bucket(request: pytest.FixtureRequest) -> Bucket:
    return memory_bucket() if request.param == "fake" else s3_bucket(request.getfixturevalue(f"{request.param}_server"))


@pytest.fixture
def key() -> str:
    return f"projects/film-a/uploads/{secrets.token_hex(4)}/film.mp4"


def send(bucket: Bucket, key: str, *, parts_id: str, number: int, body: bytes) -> bool:
    signed = bucket.parts.sign_part(key, parts_id, number=number, size_bytes=len(body), expires_s=60)
    return bucket.upload(signed, body)


def test_parts_become_an_object_in_the_order_of_their_numbers(bucket: Bucket, key: str) -> None:
    parts_id = bucket.parts.begin(key, content_type="video/mp4")
    assert bucket.parts.list_parts(key, parts_id) == ()
    assert send(bucket, key, parts_id=parts_id, number=2, body=LAST)
    assert send(bucket, key, parts_id=parts_id, number=1, body=FIRST)
    parts = bucket.parts.list_parts(key, parts_id)
    assert [(part.number, part.size_bytes) for part in parts] == [(1, len(FIRST)), (2, len(LAST))]
    bucket.parts.complete(key, parts_id, parts=parts)
    found = bucket.storage.head(key)
    assert (found.size_bytes, found.content_type) == (len(FIRST) + len(LAST), "video/mp4")


def test_a_part_may_be_put_again(bucket: Bucket, key: str) -> None:
    parts_id = bucket.parts.begin(key, content_type="video/mp4")
    for _ in range(2):
        assert send(bucket, key, parts_id=parts_id, number=1, body=LAST)
    (part,) = bucket.parts.list_parts(key, parts_id)
    assert part.size_bytes == len(LAST)
    bucket.parts.abort(key, parts_id)


def test_a_signed_part_takes_no_other_size(bucket: Bucket, key: str) -> None:
    parts_id = bucket.parts.begin(key, content_type="video/mp4")
    signed = bucket.parts.sign_part(key, parts_id, number=1, size_bytes=3, expires_s=60)
    assert signed.headers == {"Content-Length": "3"}
    assert not bucket.upload(signed, b"abcd")
    bucket.parts.abort(key, parts_id)


def test_what_is_completed_or_aborted_or_unknown_is_not_found(bucket: Bucket, key: str) -> None:
    done, gone = (bucket.parts.begin(key, content_type="video/mp4") for _ in range(2))
    assert send(bucket, key, parts_id=done, number=1, body=LAST)
    bucket.parts.complete(key, done, parts=bucket.parts.list_parts(key, done))
    bucket.parts.abort(key, gone)
    bucket.parts.abort(key, gone)
    for parts_id in (done, gone, "0" * 32):
        with pytest.raises(UploadNotFound):
            bucket.parts.list_parts(key, parts_id)
    for parts_id in (gone, "0" * 32):
        with pytest.raises(UploadNotFound):
            bucket.parts.complete(key, parts_id, parts=(Part(1, 3, "0" * 32),))
    assert bucket.storage.head(key).size_bytes == len(LAST)


def test_what_is_unfinished_is_listed_with_its_age(bucket: Bucket, key: str) -> None:
    first, second = (bucket.parts.begin(f"{key}{end}", content_type="video/mp4") for end in "ab")
    found = {unfinished.parts_id: unfinished for unfinished in bucket.parts.unfinished("projects/")}
    assert {first, second} <= set(found)
    assert found[first].key == f"{key}a"
    assert -2 < found[first].age_s < 30
    for parts_id, end in ((first, "a"), (second, "b")):
        bucket.parts.abort(f"{key}{end}", parts_id)
    assert not {first, second} & {unfinished.parts_id for unfinished in bucket.parts.unfinished("projects/")}


@pytest.mark.parametrize("call", ["begin", "list_parts", "complete", "abort", "unfinished"])
@pytest.mark.parametrize(("way", "error"), [("away", Unavailable), ("forbidden", AccessDenied)])
def test_every_call_says_whether_it_is_away_or_denied(
    bucket: Bucket, call: str, way: str, error: type[Exception]
) -> None:
    parts: PartStorage = getattr(bucket, way)
    calls: dict[str, Callable[[], object]] = {
        "begin": lambda: parts.begin("key", content_type="video/mp4"),
        "list_parts": lambda: parts.list_parts("key", "id"),
        "complete": lambda: parts.complete("key", "id", parts=(Part(1, 3, "0" * 32),)),
        "abort": lambda: parts.abort("key", "id"),
        "unfinished": lambda: list(parts.unfinished("")),
    }
    with pytest.raises(error):
        calls[call]()
