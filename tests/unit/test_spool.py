"""`Spool`: bounded, swept, and nothing in it that is not as it was made."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.domain.task import Artifact
from orchestrator.pipelines.spool import Spool, sha256_of

A_DAY_S = 86_400.0


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", limit_bytes=10, kept_s=A_DAY_S)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    path = tmp_path / "made.bin"
    path.write_bytes(b"12345678")
    return path


def artifact(path: Path) -> Artifact:
    return Artifact(path.name, "", "application/octet-stream", path.stat().st_size, sha256_of(path))


def test_what_is_kept_outlives_where_it_was_made(spool: Spool, made: Path) -> None:
    expected = artifact(made)
    assert spool.keep("t", "1-a", files=[made])
    made.unlink()
    assert spool.holds("t", "1-a", file=expected)
    assert not spool.holds("t", "2-b", file=expected)


def test_a_file_that_has_changed_is_not_held(spool: Spool, made: Path) -> None:
    expected = artifact(made)
    spool.keep("t", "1-a", files=[made])
    made.write_bytes(b"1234567?")
    assert not spool.holds("t", "1-a", file=expected)


def test_there_is_room_for_so_many_bytes(spool: Spool, made: Path) -> None:
    assert spool.keep("t", "1-a", files=[made])
    assert not spool.keep("u", "1-b", files=[made])
    spool.drop("t")
    assert spool.keep("u", "1-b", files=[made])


def test_what_nobody_has_come_back_for_makes_room(spool: Spool, made: Path) -> None:
    spool.keep("t", "1-a", files=[made])
    long_ago_s = time.time() - A_DAY_S - 60
    os.utime(spool.folder_of("t", "1-a"), (long_ago_s, long_ago_s))
    assert spool.keep("u", "1-b", files=[made])
    assert not spool.folder_of("t", "1-a").exists()


def test_a_file_that_cannot_be_kept_leaves_nothing(spool: Spool, made: Path, tmp_path: Path) -> None:
    twin = tmp_path / "elsewhere" / "made.bin"
    twin.parent.mkdir()
    twin.write_bytes(b"1")
    assert not spool.keep("t", "1-a", files=[made, twin])
    assert not spool.folder_of("t", "1-a").exists()


def test_what_other_children_drop_meanwhile_disturbs_nobody(spool: Spool, made: Path) -> None:
    large, ended = Spool(spool.root, 10**6, kept_s=0.0), threading.Event()  # and whatever is there may be swept

    def come_and_go(name: str) -> None:
        while not ended.is_set():
            large.keep(name, "1-a", files=[made])
            large.drop(name)

    with ThreadPoolExecutor(3) as children:
        others = [children.submit(come_and_go, name) for name in "abc"]
        try:
            for _ in range(100):
                large.keep("t", "1-a", files=[])
                large.sweep()
        finally:
            ended.set()
    assert [other.result() for other in others] == [None] * 3
