"""What the keeper's duties find and mend: lapses, waits, deadlines, retention, uploads; and a store that is full."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from front_door import Bells
from processes import wait_for
from record_store import DONE, LEASE_MS, RecordStore, new_task, open_store

from orchestrator.domain.errors import Category, StaleRun
from orchestrator.domain.task import Run, Status
from orchestrator.ports.claims import Beat
from orchestrator.services.upkeep.ring_lanes import RingLanes
from orchestrator.telemetry import build_queue_metrics

LEASE_S = LEASE_MS // 1000


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        opened.tick(LEASE_S)  # a keeper that has just started grants a grace
        yield opened


def beaten(store: RecordStore) -> Run:
    run = store.claim_one()
    store.claims.beat([Beat(run)])
    return run


class TestLeases:
    def test_a_silent_run_loses_its_task_after_one_lease(self, store: RecordStore) -> None:
        store.submit(new_task("t"))
        run = beaten(store)
        store.tick(LEASE_S - 1)
        assert store.task("t").status is Status.RUNNING
        assert store.tick(1).lapsed == 1
        task = store.task("t")
        assert (task.status, task.tries) == (Status.QUEUED, {Category.CRASH: 1})
        with pytest.raises(StaleRun):
            store.claims.finish(run, DONE)

    def test_a_run_that_never_beat_is_a_release_and_counts_for_nothing(self, store: RecordStore) -> None:
        store.submit(new_task("t"))
        store.claim_one()
        found = store.tick(LEASE_S)
        assert (found.released, found.lapsed) == (1, 0)
        assert store.task("t").tries == {}
        assert store.reads.attempts("t") == ()

    def test_the_third_crash_is_the_last(self, store: RecordStore) -> None:
        store.submit(new_task("t"))
        for _ in range(3):
            beaten(store)
            store.tick(LEASE_S)
        task = store.task("t")
        assert (task.status, task.error and task.error.code) == (Status.FAILED, "crashed_repeatedly")
        attempts = [(attempt.epoch, attempt.error and attempt.error.code) for attempt in store.reads.attempts("t")]
        assert attempts == [(1, "crashed"), (2, "crashed"), (3, "crashed")]


class TestSetsOfTheirOwn:
    def test_each_has_its_own_limit_so_that_a_flood_delays_no_lease(self, store: RecordStore) -> None:
        store.submit(new_task("crashed"))
        beaten(store)
        store.tick(LEASE_S - 1)
        store.submit(*(new_task(f"late-{number}", start_by_s=1) for number in range(20)))
        store.pass_time(1_000)
        found = store.upkeep.reconcile(limit=5)
        assert (found.lapsed, found.expired) == (1, 5)

    def test_the_rest_of_a_flood_is_found_by_the_next_ticks(self, store: RecordStore) -> None:
        store.submit(*(new_task(f"late-{number:02}", start_by_s=1) for number in range(12)))
        store.pass_time(1_000)
        assert [store.upkeep.reconcile(limit=5).expired for _ in range(4)] == [5, 5, 2, 0]

    def test_a_task_that_did_not_start_in_time_fails_for_that(self, store: RecordStore) -> None:
        store.submit(new_task("t", start_by_s=2))
        store.tick(2)
        task = store.task("t")
        assert (task.status, task.error and task.error.code) == (Status.FAILED, "expired")

    def test_a_late_task_is_never_handed_out_even_before_a_tick(self, store: RecordStore) -> None:
        store.submit(new_task("late", start_by_s=2), new_task("later", start_by_s=5))
        store.pass_time(3_000)
        assert [run.task.id for run in store.claim(count=2).runs] == ["later"]
        assert store.task("late").status is Status.FAILED

    def test_a_deadline_is_kept_by_the_first_start(self, store: RecordStore) -> None:
        store.submit(new_task("t", start_by_s=2))
        store.claims.release(store.claim_one())
        store.tick(5)
        assert store.claim_one().epoch == 2


class TestEntriesWithoutTheirRecord:
    """An index that contradicts a record moves no task and holds up no other; the record is the truth."""

    def break_index(self, store: RecordStore, key: str, *, task_id: str) -> None:
        store.client.zadd(key, {task_id: store.now_ms})

    def test_a_lease_of_a_task_that_never_ran_is_dropped(self, store: RecordStore) -> None:
        store.submit(new_task("ready"), new_task("run"))
        self.break_index(store, "orch:leases", task_id="ready")
        store.tick(1)
        assert (store.task("ready").status, store.upkeep.load().running) == (Status.QUEUED, 0)
        assert {run.task.id for run in store.claim(count=5).runs} == {"ready", "run"}

    @pytest.mark.parametrize("key", ["orch:leases", "orch:delayed", "orch:deadlines"])
    def test_what_has_ended_stays_ended(self, store: RecordStore, key: str) -> None:
        store.submit(new_task("t"))
        store.claims.finish(store.claim_one(), DONE)
        self.break_index(store, key, task_id="t")
        store.tick(1)
        assert store.task("t").status is Status.SUCCEEDED
        assert "t" not in store.client.zrangebyscore(key, "-inf", float("inf"), start=0, num=10)

    def test_a_wait_of_a_running_task_is_dropped(self, store: RecordStore) -> None:
        store.submit(new_task("t"))
        run = store.claim_one()
        self.break_index(store, "orch:delayed", task_id="t")
        store.tick(1)
        store.claims.finish(run, DONE)


class TestRingLanes:
    def test_it_rings_the_lanes_that_have_work_and_no_others(self, store: RecordStore) -> None:
        bells, metrics = Bells(), build_queue_metrics()
        store.submit(new_task("t"), replace(new_task("film"), lane="video"), replace(new_task("run"), lane="image"))
        store.claim(lane="image")
        RingLanes(store.upkeep, bells, metrics).tick()
        assert sorted(bells.rung) == ["io", "video"]
        assert metrics.registry.get_sample_value("orchestrator_tasks_running") == 1
        assert metrics.registry.get_sample_value("orchestrator_rings_total", {"lane": "video"}) == 1

    def test_the_load_of_a_lane_is_its_ready_tasks_and_its_oldest_wait(self, store: RecordStore) -> None:
        store.submit(new_task("t1"))
        store.pass_time(5_000)
        store.submit(new_task("t2", project="film-b"))
        (lane,) = store.upkeep.load().lanes
        assert (lane.lane, lane.ready, lane.oldest_wait_s) == ("io", 2, 5.0)


class TestDuties:
    def test_one_holder_at_a_time(self, store: RecordStore) -> None:
        assert store.upkeep.take_duty("sweep", "keeper-1", ttl_s=60)
        assert store.upkeep.take_duty("sweep", "keeper-1", ttl_s=60)
        assert not store.upkeep.take_duty("sweep", "keeper-2", ttl_s=60)
        assert store.upkeep.take_duty("reconcile", "keeper-2", ttl_s=60)

    def test_a_duty_is_free_when_its_holder_has_gone(self, store: RecordStore) -> None:
        assert store.upkeep.take_duty("sweep", "keeper-1", ttl_s=0.05)
        wait_for(lambda: store.upkeep.take_duty("sweep", "keeper-2", ttl_s=60), within_s=5)
