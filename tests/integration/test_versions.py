"""Old and new code on one store (fault 38, ADR 0018): each reads the other's records and leaves alone what it
does not know. The other version is a copy of this one with a few lines changed, in a process of its own.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from record_store import DONE, FAILURE, LEASE_MS, RecordStore, new_task, open_store, walk

from orchestrator.adapters.redis.claims import RedisClaims
from orchestrator.domain.errors import Category
from orchestrator.domain.retry import Again, GiveUp
from orchestrator.domain.task import Priority, Progress, Run, Status
from orchestrator.ports.claims import Beat

ROOT = Path(__file__).resolve().parents[2]
TASK = "orchestrator/domain/task.py"
# A later version of the same schema: new fields everywhere, and a new category of failure.
ADDITIONS: tuple[tuple[str, str, str], ...] = (
    ("orchestrator/adapters/redis/lua/create.lua", "request_sha256 = given.", "region = 'eu', request_sha256 = given."),
    (TASK, "    total: int = 0\n", "    total: int = 0\n    eta_s: float = 7.5\n"),
    (TASK, "    retryable: bool = False\n", '    retryable: bool = False\n    hint: str = "wait"\n'),
    ("orchestrator/domain/errors.py", '    NETWORK = "network"\n', '    NETWORK = "quota"\n'),
)
STORY = ("queued", "running", "queued", "running", "succeeded")
ASIDE_S, UNKNOWN_FOR_S = 10, 600  # claim.lua
NEXT_SCHEMA = ((TASK, "SCHEMA_VERSION = 1\n", "SCHEMA_VERSION = 2\n"),)


@dataclass(frozen=True)
class Version:
    """Another version of the code, on the same store."""

    folder: Path
    url: str

    def do(self, store: RecordStore, *steps: str) -> list[str]:
        """The words that the steps print, at the time of ``store``."""
        path = os.pathsep.join((str(self.folder), str(ROOT / "tests")))
        script = ROOT / "tests" / "fixtures" / "another_version.py"
        done = subprocess.run(
            (sys.executable, "-P", script, self.url, str(store.now_ms), *steps),
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split()


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        opened.tick(LEASE_MS // 1000)
        yield opened


@pytest.fixture
def another(tmp_path: Path, redis_url: str) -> Callable[..., Version]:
    """A copy of the code with the given changes."""

    def copy(*changes: tuple[str, str, str]) -> Version:
        shutil.copytree(ROOT / "orchestrator", tmp_path / "orchestrator", ignore=shutil.ignore_patterns("__pycache__"))
        for name, was, becomes in changes:
            text = (tmp_path / name).read_text()
            assert text.count(was) == 1, f"{name} has changed: {was!r}"
            (tmp_path / name).write_text(text.replace(was, becomes))
        return Version(tmp_path, redis_url)

    return copy


class TestNewerFields:
    def test_both_versions_run_each_others_tasks_and_read_each_others_records(
        self, store: RecordStore, another: Callable[..., Version]
    ) -> None:
        newer = another(*ADDITIONS)
        newer.do(store, "submit", "run_and_fail")
        task = store.task("t")
        assert (task.status, task.tries) == (Status.QUEUED, {})
        assert task.progress.stage == "infer"
        (attempt,) = store.reads.attempts("t")
        assert attempt.error is not None
        assert (attempt.error.code, attempt.error.category) == (FAILURE.code, Category.INTERNAL)
        store.tick(1)
        run = store.claim_one()
        store.claims.beat([Beat(run, Progress(stage="store"))])
        store.claims.fail(run, FAILURE, decision=GiveUp())
        store.intake.resubmit("film-a", "t", generation=1)
        newer.do(store, "finish")
        assert newer.do(store, "read")[:2] == ["succeeded", "1"]
        assert store.task("t").status is Status.SUCCEEDED
        assert store.client.hget("orch:task:t", "region") == "eu"
        assert walk(store) == set()

    def test_a_failure_with_new_words_is_read(self, store: RecordStore, another: Callable[..., Version]) -> None:
        another(*ADDITIONS).do(store, "submit", "give_up")
        error = store.task("t").error
        assert error is not None
        assert (error.code, error.category, error.retryable) == (FAILURE.code, Category.INTERNAL, True)

    def test_a_key_answers_whoever_asks(self, store: RecordStore, another: Callable[..., Version]) -> None:
        another(*ADDITIONS).do(store, "submit")
        receipt = store.intake.submit(new_task("another", key="k"))
        assert (receipt.task_id, receipt.replayed) == ("t", True)


class TestNewerSchema:
    def test_it_is_not_claimed_and_holds_nothing_up(self, store: RecordStore, another: Callable[..., Version]) -> None:
        newer = another(*NEXT_SCHEMA)
        newer.do(store, "submit")
        store.pass_time(1)
        store.submit(new_task("ours"))
        claimed = store.claim(count=5)
        assert ([run.task.id for run in claimed.runs], claimed.more) == (["ours"], False)
        assert store.task("t").status is Status.QUEUED

    def test_a_newer_worker_gets_it(self, store: RecordStore, another: Callable[..., Version]) -> None:
        newer = another(*NEXT_SCHEMA)
        newer.do(store, "submit")
        assert store.claim().runs == ()
        store.tick(10)
        assert newer.do(store, "claim") == ["t"]

    def test_audit_leaves_it_to_newer_keepers(self, store: RecordStore, another: Callable[..., Version]) -> None:
        another(*NEXT_SCHEMA).do(store, "submit")
        store.client.zrem("orch:ready:io:film-a:echo:system.echo", "t")
        store.client.zadd("orch:delayed", {"t": 5})
        assert not {find for find in walk(store) if find[2] == "t"}

    def test_a_newer_version_runs_and_reads_what_we_made(
        self, store: RecordStore, another: Callable[..., Version]
    ) -> None:
        newer = another(*NEXT_SCHEMA)
        store.submit(new_task("t"))
        newer.do(store, "run_and_fail")
        store.tick(1)
        newer.do(store, "finish")
        assert newer.do(store, "read") == [
            "succeeded",
            "1",
            *["queued", "running", "queued", "running", "succeeded"],
        ]


class TestUnknownType:
    """A rolling deploy whose API was first: the type is newer than some of the workers."""

    def test_it_is_set_aside_for_a_newer_worker_and_holds_nothing_up(self, store: RecordStore) -> None:
        store.submit(replace(new_task("t"), type="image.colorize"), new_task("ours"))
        older, newer = claims_of(store, "system.echo"), claims_of(store, "system.echo", "image.colorize")
        claimed = older.claim("io", "old", run_ids=["run-a", "run-b"])
        assert ([run.task.id for run in claimed.runs], claimed.more) == (["ours"], False)
        assert store.task("t").status is Status.QUEUED
        store.tick(10)
        (run,) = newer.claim("io", "new", run_ids=["run-c"]).runs
        assert (run.task.id, run.epoch) == ("t", 1)

    def test_it_fails_when_no_worker_has_known_it_for_ten_minutes(self, store: RecordStore) -> None:
        store.submit(replace(new_task("t"), type="image.colorize"))
        older = claims_of(store, "system.echo")
        for _ in range(UNKNOWN_FOR_S // ASIDE_S):
            assert older.claim("io", "old", run_ids=["run-a"]).runs == ()
            assert store.task("t").status is Status.QUEUED
            store.pass_time(1000 * ASIDE_S)
            store.tick()
        assert older.claim("io", "old", run_ids=["run-a"]).runs == ()
        error = store.task("t").error
        assert error is not None
        assert (error.code, error.retryable) == ("unknown_task_type", True)
        assert walk(store) == set()

    def test_a_clients_retry_waits_anew(self, store: RecordStore) -> None:
        store.submit(replace(new_task("t"), type="image.colorize"))
        older = claims_of(store, "system.echo")
        older.claim("io", "old", run_ids=["run-a"])
        store.intake.cancel("film-a", "t")
        store.pass_time(1000 * UNKNOWN_FOR_S)
        store.intake.resubmit("film-a", "t", generation=1)
        assert older.claim("io", "old", run_ids=["run-a"]).runs == ()
        assert store.task("t").status is Status.QUEUED


def claims_of(store: RecordStore, *types: str) -> RedisClaims:
    """A worker's that knows no other types."""
    return RedisClaims(store.scripts, LEASE_MS, frozenset(types))


def lapse(store: RecordStore, run: Run) -> None:
    store.claims.beat([Beat(run)])
    store.tick(LEASE_MS // 1000)


def misplace(store: RecordStore, run: Run) -> None:
    store.client.eval("redis.call('HDEL', 'orch:task:t', 'place')", 0)
    assert ("misplaced", "record", run.task.id) in walk(store)


def come_due(store: RecordStore, run: Run) -> None:
    store.claims.fail(run, FAILURE, decision=Again(after_s=1, counts=True))
    store.tick(2)


def submit_again(store: RecordStore, run: Run) -> None:
    store.claims.fail(run, FAILURE, decision=GiveUp())
    store.intake.resubmit("film-a", "t", generation=1)


MOVES: Mapping[str, Callable[[RecordStore, Run], object]] = {
    "claim": lambda _store, _run: None,
    "beat": lambda store, run: store.claims.beat([Beat(run, Progress(stage="infer"))]),
    "advance": lambda store, run: store.claims.advance(run, "infer", checkpoint={}),
    "finish": lambda store, run: store.claims.finish(run, DONE),
    "fail": lambda store, run: store.claims.fail(run, FAILURE, decision=GiveUp()),
    "wait for another try": lambda store, run: store.claims.fail(run, FAILURE, decision=Again(after_s=9, counts=True)),
    "come due": come_due,
    "release": lambda store, run: store.claims.release(run),
    "stop": lambda store, run: store.claims.stop(run),
    "request a cancel": lambda store, _run: store.intake.cancel("film-a", "t"),
    "lapse": lapse,
    "resubmit": submit_again,
    "audit": misplace,
}
UNKNOWN = {"region": "eu", "notes": '{"a":[1, 2.50],"b":{}}', "empty": ""}


@pytest.mark.parametrize("move", MOVES)
def test_no_script_touches_a_field_that_it_does_not_know(store: RecordStore, move: str) -> None:
    store.submit(new_task("t", key="k"))
    for name, value in UNKNOWN.items():
        store.client.eval("redis.call('HSET', 'orch:task:t', ARGV[1], ARGV[2])", 0, name, value)
    MOVES[move](store, store.claim_one())
    assert {name: store.client.hget("orch:task:t", name) for name in UNKNOWN} == UNKNOWN
    assert store.task("t").id == "t"


def test_a_priority_of_a_later_version_is_normal_to_us(store: RecordStore) -> None:
    store.submit(new_task("t"))
    store.client.eval("redis.call('HSET', 'orch:task:t', 'priority', 'urgent')", 0)
    assert store.task("t").priority is Priority.NORMAL
    store.intake.cancel("film-a", "t")
    assert store.intake.resubmit("film-a", "t", generation=1).status is Status.QUEUED
