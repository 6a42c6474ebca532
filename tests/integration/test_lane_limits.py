"""How long a lane may become, and that a backlog is counted and mended. On the real scripts."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from broken_store import carry_out
from record_store import DONE, LEASE_MS, RecordStore, new_task, no_fsync, open_store, walk

from orchestrator.domain.limits import LaneLimits
from orchestrator.domain.overload import NotReady, QueueFull
from orchestrator.domain.task import Artifact

HOUR_MS = 3_600_000


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with no_fsync(redis_url), open_store(redis_url) as opened:
        opened.tick(LEASE_MS // 1000)
        yield opened


def replace_limits(store: RecordStore, lanes: LaneLimits) -> RecordStore:
    return RecordStore(store.scripts, store.lease_ms, lanes=lanes)


def serve(store: RecordStore, tasks: int, *, took_ms: int) -> None:
    """One after the other, each ``took_ms`` long; so the lane's pace is known."""
    for _ in range(tasks):
        run = store.claim_one()
        store.pass_time(took_ms)
        store.claims.finish(run, replace(DONE, actual_s=took_ms / 1000))


class TestTasks:
    def test_a_full_lane_takes_no_more_and_another_does(self, store: RecordStore) -> None:
        store = replace_limits(store, LaneLimits(tasks=2))
        store.submit(new_task("t1"), new_task("t2"))
        with pytest.raises(QueueFull, match="2 tasks") as refused:
            store.submit(new_task("t3"))
        assert (refused.value.code, refused.value.retry_after_s) == ("queue_full", 5)
        store.submit(replace(new_task("film"), lane="video"))
        store.claim()
        store.submit(new_task("t3"))


class TestPredictedWait:
    def test_a_project_is_refused_what_would_wait_too_long(self, store: RecordStore) -> None:
        store = replace_limits(store, LaneLimits(wait_s=60))
        store.fill(new_task(f"t{number:03}") for number in range(40))
        serve(store, 10, took_ms=4_000)
        with pytest.raises(QueueFull, match="60 s") as refused:
            store.submit(new_task("late"))
        assert 50 <= refused.value.retry_after_s <= 70, "30 tasks of 4 s are 60 s too long"

    def test_nobody_is_refused_for_the_backlog_of_others(self, store: RecordStore) -> None:
        store = replace_limits(store, LaneLimits(wait_s=60))
        store.fill(new_task(f"t{number:03}") for number in range(100))
        serve(store, 10, took_ms=4_000)
        store.submit(*(new_task(f"b{number}", project="film-b") for number in range(8)))
        with pytest.raises(QueueFull):
            store.submit(new_task("b8", project="film-b"))

    def test_an_idle_lane_is_not_a_slow_one(self, store: RecordStore) -> None:
        """It serves ten in ten seconds, is idle for an hour, and then again."""
        store = replace_limits(store, LaneLimits(wait_s=60))
        for burst in range(2):
            store.fill(new_task(f"t{burst}-{number}") for number in range(10))
            serve(store, 10, took_ms=1_000)
            store.pass_time(HOUR_MS)
        store.fill(new_task(f"u{number:02}") for number in range(58))
        store.submit(new_task("last"))

    def test_nobody_is_refused_by_a_pace_that_nobody_knows(self, store: RecordStore) -> None:
        store = replace_limits(store, LaneLimits(wait_s=60))
        store.submit(*(new_task(f"t{number:03}") for number in range(100)))


class TestWorkers:
    def test_a_lane_without_a_worker_is_not_ready_if_it_must_have_one(self, store: RecordStore) -> None:
        store.submit(new_task("t1"))
        store = replace_limits(store, LaneLimits(need_worker=True))
        with pytest.raises(NotReady, match="lane io has no worker") as refused:
            store.submit(new_task("t2"))
        assert (refused.value.code, refused.value.retry_after_s) == ("not_ready", 5)
        store.client.set("orch:alive:worker-io", "1")
        store.submit(new_task("t2"))


def backlog(store: RecordStore) -> tuple[int, int]:
    """Tasks and predicted milliseconds of lane `io`."""
    flat = store.client.hgetall("orch:backlog:io")
    sums = [sum(int(value) for name, value in flat.items() if name.endswith(what)) for what in (":tasks", ":ms")]
    return sums[0], sums[1]


class TestDrift:
    def test_what_waits_for_hours_stays_counted(self, store: RecordStore) -> None:
        store.submit(*(new_task(f"t{number}") for number in range(5)))
        for _ in range(3):
            store.pass_time(HOUR_MS)
            assert walk(store) == set()
            assert backlog(store) == (5, 5_000)
        store.claim(count=2)
        assert backlog(store) == (3, 3_000)

    @pytest.mark.parametrize("field", ["tasks", "ms"])
    def test_a_backlog_that_is_not_the_sum_of_its_parts_is_found_and_mended(
        self, store: RecordStore, field: str
    ) -> None:
        store.submit(*(new_task(f"t{number}") for number in range(5)))
        hour = store.now_ms // HOUR_MS
        carry_out(store, f"HINCRBY orch:backlog:io {hour}:{field} 7")
        store.pass_time(HOUR_MS)
        assert walk(store) == {("drift", "backlog", "io")}
        assert backlog(store) == (5, 5_000)
        assert walk(store) == set()

    def test_moves_that_go_on_meanwhile_are_no_drift(self, store: RecordStore) -> None:
        store.submit(*(new_task(f"t{number:02}") for number in range(60)))
        store.pass_time(HOUR_MS)
        for number in range(60):
            assert store.upkeep.audit(limit=20).finds == ()
            (run,) = store.claim().runs
            store.claims.release(run) if number % 3 else store.claims.finish(run, DONE)
            store.pass_time(HOUR_MS // 20)
        assert walk(store) == set()
        assert backlog(store) == (40, 40_000)

    @pytest.mark.parametrize("delta", [-50, 50])
    def test_bytes_that_are_not_the_sum_of_what_is_kept_are_found_and_mended(
        self, store: RecordStore, delta: int
    ) -> None:
        keep(store, 5)
        carry_out(store, f"HINCRBY orch:usage:film-a bytes {delta}")
        assert walk(store) == {("drift", "usage", "film-a")}
        assert store.client.hgetall("orch:usage:film-a") == {"bytes": "500"}
        assert walk(store) == set()

    def test_what_is_kept_and_forgotten_during_the_walk_is_counted_right(self, store: RecordStore) -> None:
        keep(store, 40, project="film-b")
        for number in range(60):
            keep(store, 1, first=number)
            if number % 4 == 0:
                store.client.eval("redis.call('HSET', ARGV[1], 'condemned', 1)", 0, f"orch:task:film-b{number // 4:03}")
                store.upkeep.purge(f"film-b{number // 4:03}")
            assert store.upkeep.audit(limit=15).finds == ()
        assert walk(store) == set()
        assert store.client.hget("orch:usage:film-b", "bytes") == "2500"


def keep(store: RecordStore, tasks: int, *, first: int = 0, project: str = "film-a") -> None:
    """Tasks that have ended and keep 100 bytes each."""
    stored = Artifact("a", f"projects/{project}/tasks/t/a", "image/png", 100, "ab12")
    for number in range(first, first + tasks):
        store.submit(new_task(f"{project}{number:03}", project=project))
        store.claims.finish(store.claim_one(), replace(DONE, outputs=(stored,)))
