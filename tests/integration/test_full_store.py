"""A store whose memory is full: nothing new is accepted, and everything that was accepted still comes to its end."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest
import redis
from record_store import DONE, FAILURE, LEASE_MS, RETENTION_MS, RecordStore, new_task, open_store

from orchestrator.adapters.redis.health import RedisHealth
from orchestrator.domain.errors import Overloaded, TaskNotFound
from orchestrator.domain.lane import solo_lane
from orchestrator.domain.owner import Owner
from orchestrator.domain.retry import Again, GiveUp
from orchestrator.domain.task import Run, Status
from orchestrator.ports.claims import Beat, Verdict

LEASE_S = LEASE_MS // 1000
OWNER = Owner("node-1", 4711, 100)


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        opened.tick(LEASE_S)  # a keeper that has just started grants a grace
        yield opened


@contextmanager
def full_memory(store: RecordStore, url: str) -> Iterator[None]:
    with redis.Redis.from_url(url) as client:
        client.config_set("maxmemory", "1")
        try:
            with pytest.raises(Overloaded):
                store.submit(new_task("more"))
            yield
        finally:
            client.config_set("maxmemory", "0")


def submit_and_run(store: RecordStore) -> Run:
    store.submit(new_task("t"))
    (run,) = store.claim(owner=str(OWNER)).runs
    assert store.claims.beat([Beat(run)]) == [Verdict.GO_ON]
    return run


def cancel_and_stop(store: RecordStore, run: Run) -> None:
    store.intake.cancel("film-a", "t")
    assert store.claims.beat([Beat(run)]) == [Verdict.STOP]
    store.claims.stop(run)


ENDS: Mapping[str, tuple[Callable[[RecordStore, Run], object], Status]] = {
    "finish": (lambda store, run: store.claims.finish(run, DONE), Status.SUCCEEDED),
    "fail": (lambda store, run: store.claims.fail(run, FAILURE, decision=GiveUp()), Status.FAILED),
    "again": (
        lambda store, run: store.claims.fail(run, FAILURE, decision=Again(after_s=1, counts=True)),
        Status.QUEUED,
    ),
    "release": (lambda store, run: store.claims.release(run), Status.QUEUED),
    "stop": (lambda store, run: store.claims.stop(run), Status.CANCELED),
    "lapse": (lambda store, _run: store.tick(LEASE_S), Status.QUEUED),
    "reap": (lambda store, _run: store.upkeep.reap(OWNER), Status.QUEUED),
    "cancel": (cancel_and_stop, Status.CANCELED),
}


@pytest.mark.parametrize("how", ENDS)
def test_a_run_ends_in_every_way(store: RecordStore, redis_url: str, how: str) -> None:
    end, status = ENDS[how]
    run = submit_and_run(store)
    with full_memory(store, redis_url):
        assert store.claims.beat([Beat(run)]) == [Verdict.GO_ON]
        store.claims.advance(run, "store", checkpoint={"done": True})
        end(store, run)
        assert store.task("t").status is status


def test_what_waits_is_claimed_alone_or_not_and_canceled(store: RecordStore, redis_url: str) -> None:
    submit_and_run(store)
    store.submit(new_task("waits"), new_task("unwanted"))
    with full_memory(store, redis_url):
        store.tick(LEASE_S)
        assert store.intake.cancel("film-a", "unwanted").status is Status.CANCELED
        assert [run.task.id for run in store.claim().runs] == ["waits"]
        store.pass_time(1_000)
        assert store.claims.claim("io", "busy", run_ids=["r"], yield_after_s=1).yields
        assert [run.task.id for run in store.claim(lane=solo_lane("io")).runs] == ["t"]


def test_what_is_due_comes_back_and_what_is_late_expires(store: RecordStore, redis_url: str) -> None:
    store.submit(new_task("again"), new_task("late", start_by_s=2))
    store.claims.fail(store.claim_one(), FAILURE, decision=Again(after_s=1, counts=True))
    with full_memory(store, redis_url):
        store.tick(2)
        assert store.task("late").status is Status.FAILED
        assert [run.task.id for run in store.claim().runs] == ["again"]


def test_a_client_retry_is_something_new(store: RecordStore, redis_url: str) -> None:
    store.claims.fail(submit_and_run(store), FAILURE, decision=GiveUp())
    with full_memory(store, redis_url), pytest.raises(Overloaded):
        store.intake.resubmit("film-a", "t", generation=1)
    assert store.task("t").status is Status.FAILED


def test_nobody_seems_dead_who_is_not(store: RecordStore, redis_url: str) -> None:
    with full_memory(store, redis_url):
        RedisHealth(store.client).sign("worker-io", 4711)
    assert store.client.get("orch:alive:worker-io") == "4711"


def test_the_keeper_goes_on_and_makes_room(store: RecordStore, redis_url: str) -> None:
    store.claims.finish(submit_and_run(store), DONE)
    with full_memory(store, redis_url):
        assert store.upkeep.take_duty("sweep", "keeper-1", ttl_s=60)
        assert store.upkeep.take_duty("sweep", "keeper-1", ttl_s=60)
        assert not store.upkeep.take_duty("sweep", "keeper-2", ttl_s=60)
        store.pass_time(RETENTION_MS)
        assert [swept.task_id for swept in store.upkeep.condemn(limit=10)] == ["t"]
        store.upkeep.purge("t")
    with pytest.raises(TaskNotFound):
        store.task("t")
