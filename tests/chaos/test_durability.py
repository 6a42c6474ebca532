"""A 202 means that the record is on disk: shown on a disk that is slow and writes down when it was synced."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from echo_load import ACCEPTED
from fakes_storage import MemoryStorage
from front_door import front_door
from servers import valkey

SHIM = Path(__file__).resolve().parents[1] / "fixtures" / "slow_sync.c"
SYNC_S = 0.3

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="the slow disk is a library in C")


@dataclass(frozen=True)
class Span:
    """From when to when, on the monotonic clock that all processes share."""

    begun_s: float
    ended_s: float

    def holds(self, other: "Span") -> bool:
        return self.begun_s <= other.begun_s and other.ended_s <= self.ended_s


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("shim") / "slow_sync.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, SHIM, "-ldl"], check=True)  # noqa: S607 - the user's own
    return library


@contextmanager
def submitting(folder: Path, shim: Path, *, appendfsync: str) -> Iterator[tuple[list[Span], list[Span]]]:
    """Eight submits one after another and eight at once, then every sync that the store has made."""
    log = folder / "syncs"
    env = {"LD_PRELOAD": str(shim), "SYNC_DELAY_MS": str(round(SYNC_S * 1000)), "SYNC_LOG": str(log)}
    with (
        valkey(folder, appendfsync=appendfsync, env=env) as server,
        front_door(server.url, MemoryStorage()) as door,
        door.caller() as caller,
        ThreadPoolExecutor(8) as clients,
    ):

        def submit(_number: int) -> Span:
            begun_s = time.monotonic()
            answer = caller.post("/v1/tasks", json={"type": "system.echo", "params": {}})
            assert answer.status_code == ACCEPTED
            return Span(begun_s, time.monotonic())

        submits = [*map(submit, range(4)), *clients.map(submit, range(8))]
        syncs = [Span(*map(float, line.split())) for line in log.read_text().splitlines()]
        yield submits, syncs


def test_no_202_precedes_its_fsync(shim: Path, tmp_path: Path) -> None:
    with submitting(tmp_path, shim, appendfsync="always") as (submits, syncs):
        assert all(sync.ended_s - sync.begun_s >= SYNC_S for sync in syncs)
        assert [submit for submit in submits if not any(submit.holds(sync) for sync in syncs)] == []


def test_the_slow_disk_tells_a_store_that_syncs_later(shim: Path, tmp_path: Path) -> None:
    with submitting(tmp_path, shim, appendfsync="everysec") as (submits, syncs):
        assert any(not any(submit.holds(sync) for sync in syncs) for submit in submits)
