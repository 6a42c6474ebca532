"""The object store hangs up, forgets to answer, crawls, asks for pauses. Tests are named after their fault's number."""

import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from fault_proxy import FaultProxy, fault_proxy
from faults import Break, Loss, Refusal
from http_faults import HttpFaults, HttpScreen, is_request
from servers import SeaweedFs
from strict_r2 import R2Memory, R2Screen, render_refusal

from orchestrator.adapters.s3_storage import S3Address, S3Parts, S3Storage
from orchestrator.domain.errors import Category, RunCanceled, Unavailable
from orchestrator.ports.storage import ObjectInfo
from orchestrator.services.upkeep.sweep_parts import SweepParts

MIB = 1024**2
PUT, PART, BEGIN, COMPLETE = rb"^PUT ", rb"^PUT .*partNumber=", rb"^POST .*[?&]uploads", rb"^POST .*uploadId="
PAUSES = (
    render_refusal(429, "TooManyRequests"),
    render_refusal(503, "ServiceUnavailable"),
    render_refusal(500, "InternalError"),
)
as_strict_as_r2 = pytest.mark.parametrize("store", ["r2"], indirect=True)


@dataclass
class Store:
    """The object store behind a proxy, and the same past it."""

    proxy: FaultProxy
    faults: HttpFaults
    address: S3Address
    past: S3Address

    @property
    def storage(self) -> S3Storage:
        return S3Storage(self.address)

    def unfinished(self, prefix: str) -> list[str]:
        return [upload.key for upload in S3Parts(self.past).unfinished(prefix)]

    def assert_stored(self, stored: ObjectInfo, source: Path) -> None:
        """The object is there, whole and once, and nothing else."""
        storage, copy = S3Storage(self.past), source.with_name("past the proxy")
        (found,) = storage.list(stored.key)
        assert (found.etag, found.size_bytes) == (stored.etag, source.stat().st_size)
        assert storage.fetch(stored.key, copy, etag=stored.etag, limit_bytes=found.size_bytes).sha256 == stored.sha256
        assert copy.read_bytes() == source.read_bytes()
        assert self.unfinished(stored.key) == []


@pytest.fixture(params=["s3", "r2"])
def store(request: pytest.FixtureRequest, s3_server: SeaweedFs) -> Iterator[Store]:
    faults, past = HttpFaults(), s3_server.address
    screen = partial(HttpScreen, faults) if request.param == "s3" else partial(R2Screen, R2Memory(), faults)
    with fault_proxy(int(s3_server.endpoint.rpartition(":")[2]), screen) as proxy:
        yield Store(proxy, faults, replace(past, endpoint=f"http://127.0.0.1:{proxy.port}"), past)


@pytest.fixture
def key() -> str:
    return f"projects/film-a/tasks/{secrets.token_hex(8)}/film.mp4"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "source"


def fill(path: Path, *, mib: int) -> Path:
    path.write_bytes(os.urandom(mib * MIB))
    return path


def refusals(requests: bytes, *pauses: bytes) -> list[Refusal[bytes]]:
    return [Refusal(matches=is_request(requests), answer=answer, times=1) for answer in pauses]


def test_fault_28_pauses_are_asked_for(store: Store, key: str, source: Path) -> None:
    asked = refusals(PUT, *PAUSES)
    with store.faults.making(*asked):
        stored = store.storage.store(fill(source, mib=1), key, content_type="video/mp4")
    assert all(refusal.is_over for refusal in asked)
    store.assert_stored(stored, source)


def test_fault_28_pauses_are_asked_for_at_every_step_of_an_upload(store: Store, key: str, source: Path) -> None:
    asked = [*refusals(BEGIN, *PAUSES[:2]), *refusals(PART, *PAUSES), *refusals(COMPLETE, *PAUSES[1:])]
    with store.faults.making(*asked):
        stored = store.storage.store(fill(source, mib=17), key, content_type="video/mp4")
    assert all(refusal.is_over for refusal in asked)
    store.assert_stored(stored, source)


def test_fault_28_a_connection_reset_at_the_second_part(store: Store, key: str, source: Path) -> None:
    reset = Break(matches=is_request(PART + b"2"), times=2)
    with store.faults.making(reset):
        stored = store.storage.store(fill(source, mib=17), key, content_type="video/mp4")
    assert reset.is_over
    store.assert_stored(stored, source)


@as_strict_as_r2
def test_fault_28_pauses_without_end_are_a_failure_of_storage(store: Store, key: str, source: Path) -> None:
    refusal = Refusal(matches=is_request(PART), answer=PAUSES[1])
    with store.faults.making(refusal), pytest.raises(Unavailable) as caught:
        store.storage.store(fill(source, mib=17), key, content_type="video/mp4")
    assert caught.value.category is Category.STORAGE
    assert list(store.storage.list(key)) == []
    assert store.unfinished(key) == []


@as_strict_as_r2
def test_fault_28_a_store_that_says_nothing_is_asked_once_more(store: Store, key: str, source: Path) -> None:
    storage = S3Storage(store.address, answer_s=1.0)
    with store.proxy.frozen():
        with pytest.raises(Unavailable):
            storage.store(fill(source, mib=1), key, content_type="video/mp4")
        assert len(store.proxy.links) == 3, "two to store it, one to look for it: all tries of boto3 take minutes"


@as_strict_as_r2
def test_fault_28_a_connection_that_has_died_unnoticed_fails_nothing(store: Store, key: str, source: Path) -> None:
    storage = S3Storage(store.address, answer_s=3.0)
    storage.put(b"over a connection that is kept", key.replace("film", "before"), content_type="text/plain")
    store.proxy.strand()
    store.assert_stored(storage.store(fill(source, mib=1), key, content_type="video/mp4"), source)


@as_strict_as_r2
def test_fault_28_a_span_that_breaks_off_is_fetched_anew(store: Store, key: str, source: Path) -> None:
    stored = store.storage.store(fill(source, mib=17), key, content_type="video/mp4")
    asked = threading.Event()

    def break_off_once() -> None:
        if not asked.is_set():
            asked.set()
            store.proxy.reset()

    copy = source.with_name("copy")
    fetched = store.storage.fetch(key, copy, etag=stored.etag, limit_bytes=stored.size_bytes, keep_going=break_off_once)
    assert fetched == stored
    assert copy.read_bytes() == source.read_bytes()


@as_strict_as_r2
@pytest.mark.parametrize("mib", [3, 33])
def test_fault_28_transfers_that_are_always_cut_fail(store: Store, key: str, source: Path, mib: int) -> None:
    stored = store.storage.store(fill(source, mib=mib), key, content_type="video/mp4")
    store.proxy.replies.cut_after_bytes = 2 * MIB
    with pytest.raises(Unavailable):
        store.storage.fetch(key, source.with_name("cut"), etag=stored.etag, limit_bytes=stored.size_bytes)
    assert not source.with_name("cut").exists()


@as_strict_as_r2
def test_fault_28_a_run_that_is_over_leaves_a_crawling_upload(store: Store, key: str, source: Path) -> None:
    """As when its stage has used its time up."""
    ends_s = [0.0]

    def keep_going() -> None:
        ends_s[0] = ends_s[0] or time.monotonic() + 1
        store.proxy.requests.bytes_per_s = 1000
        if time.monotonic() > ends_s[0]:
            raise RunCanceled

    with pytest.raises(RunCanceled):
        store.storage.store(fill(source, mib=32), key, content_type="video/mp4", keep_going=keep_going)
    assert time.monotonic() - ends_s[0] < 12
    assert store.unfinished(key) == []


@as_strict_as_r2
def test_fault_28_a_run_that_is_over_leaves_a_crawling_fetch(store: Store, key: str, source: Path) -> None:
    stored = store.storage.store(fill(source, mib=3), key, content_type="video/mp4")
    store.proxy.replies.bytes_per_s = 1000
    ends_s = time.monotonic() + 1

    def keep_going() -> None:
        if time.monotonic() > ends_s:
            raise RunCanceled

    with pytest.raises(RunCanceled):
        store.storage.fetch(
            key, source.with_name("copy"), etag=stored.etag, limit_bytes=stored.size_bytes, keep_going=keep_going
        )
    assert time.monotonic() - ends_s < 60, "at that pace all of it takes the better part of an hour"
    assert not source.with_name("copy").exists()


@as_strict_as_r2
def test_fault_28_what_a_killed_worker_left_in_parts_is_swept(store: Store, key: str, source: Path) -> None:
    store.proxy.requests.bytes_per_s = MIB
    address = store.address
    command = [sys.executable, "-m", "storing_child", address.endpoint, str(fill(source, mib=33)), key]
    env = {**os.environ, "SECRET": address.secret_access_key, "KEY_ID": address.access_key_id}
    env["PYTHONPATH"] = f"{Path(__file__).parents[1]}:{Path(__file__).parents[2]}"
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"sending\n"
        child.send_signal(signal.SIGKILL)
    assert store.unfinished(key) == [key]
    sweep = SweepParts(S3Parts(store.past), upload_expires_s=3600, artifact_expires_s=-60)
    sweep.tick()
    assert store.unfinished(key) == []


@pytest.mark.parametrize("mib", [1, 17], ids=["whole", "in parts"])
def test_fault_29_a_put_is_carried_out_and_its_reply_is_lost(store: Store, key: str, source: Path, mib: int) -> None:
    loss = Loss(matches=is_request(PUT), times=1)
    with store.faults.making(loss):
        stored = store.storage.store(fill(source, mib=mib), key, content_type="video/mp4")
    assert loss.is_over
    store.assert_stored(stored, source)


def test_fault_29_every_reply_to_a_completion_is_lost(store: Store, key: str, source: Path) -> None:
    loss = Loss(matches=is_request(COMPLETE))
    with store.faults.making(loss):
        stored = store.storage.store(fill(source, mib=17), key, content_type="video/mp4")
    assert loss.happened_at_s
    store.assert_stored(stored, source)


def test_fault_29_every_reply_to_a_put_is_lost(store: Store, key: str, source: Path) -> None:
    with store.faults.making(Loss(matches=is_request(PUT))):
        stored = store.storage.store(fill(source, mib=1), key, content_type="video/mp4")
    store.assert_stored(stored, source)


@as_strict_as_r2
def test_fault_29_a_beginning_whose_reply_is_lost_is_begun_anew(store: Store, key: str, source: Path) -> None:
    """The first one is nobody's, and no client of S3 can know of it: it is swept."""
    loss = Loss(matches=is_request(BEGIN), times=1)
    with store.faults.making(loss):
        stored = store.storage.store(fill(source, mib=17), key, content_type="video/mp4")
    assert store.unfinished(key) == [key]
    SweepParts(S3Parts(store.past), upload_expires_s=3600, artifact_expires_s=-60).tick()
    store.assert_stored(stored, source)
