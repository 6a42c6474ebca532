"""How long a task and its files are kept: by its project, its status, and its own word; and never while it runs."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from fakes_storage import MemoryStorage
from record_store import DONE, FAILURE, RETENTION_MS, START_MS, RecordStore, new_task, open_store, walk

from orchestrator.adapters.redis.projects import RedisProjects
from orchestrator.domain.errors import IllegalMove
from orchestrator.domain.project import Project
from orchestrator.domain.retry import GiveUp
from orchestrator.domain.task import Artifact, Priority, Status
from orchestrator.ports.claims import Commit
from orchestrator.services.upkeep.sweep import Sweep
from orchestrator.telemetry import build_queue_metrics

HOUR_MS, DAY_MS = 3_600_000, 86_400_000


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        yield opened


def keep(store: RecordStore, **retentions: int) -> None:
    """What the project says of its own."""
    projects = RedisProjects(store.scripts)
    projects.create(Project("film-a"))
    projects.change("film-a", retentions)


def end(store: RecordStore, task_id: str, *, status: Status, expires_at_ms: int | None = None) -> None:
    store.submit(replace(new_task(task_id), expires_at_ms=expires_at_ms))
    if status is Status.CANCELED:
        store.intake.cancel("film-a", task_id)
    elif status is Status.FAILED:
        store.claims.fail(store.claim_one(), FAILURE, decision=GiveUp())
    else:
        store.claims.finish(store.claim_one(), DONE)


def lives_ms(store: RecordStore, *task_ids: str, step_ms: int = HOUR_MS // 4) -> dict[str, int]:
    """How long each is still there, in steps; the sweep looks after each."""
    store.upkeep.condemn(limit=10)  # the keeper has been at work all the time
    left, passed_ms, found = set(task_ids), 0, dict[str, int]()
    while left:
        assert passed_ms <= 3 * DAY_MS
        gone = {swept.task_id for swept in store.upkeep.condemn(limit=10)} & left
        found |= dict.fromkeys(gone, passed_ms)
        left -= gone
        store.pass_time(step_ms)
        passed_ms += step_ms
    return found


class TestOfAProject:
    def test_each_status_has_its_own(self, store: RecordStore) -> None:
        keep(store, retention_s=6 * 3600, retention_failed_s=12 * 3600, retention_canceled_s=1800)
        store.upkeep.condemn(limit=1)
        for status in (Status.SUCCEEDED, Status.FAILED, Status.CANCELED):
            end(store, status.value, status=status)
        assert walk(store) == set()
        assert lives_ms(store, "succeeded", "failed", "canceled") == {
            "succeeded": 6 * HOUR_MS,
            "failed": 12 * HOUR_MS,
            "canceled": HOUR_MS // 2,
        }

    def test_what_it_does_not_say_is_the_nodes(self, store: RecordStore) -> None:
        keep(store, retention_failed_s=60)
        end(store, "t", status=Status.SUCCEEDED)
        assert lives_ms(store, "t") == {"t": RETENTION_MS}
        assert store.client.hget("orch:task:t", "sweep_ms") is None

    def test_another_retention_of_the_node_is_not_its(self, store: RecordStore) -> None:
        store.upkeep.condemn(limit=1)
        keep(store, retention_s=6 * 3600)
        end(store, "t", status=Status.SUCCEEDED)
        store.upkeep = replace(store.upkeep, retention_ms=RETENTION_MS // 4)
        assert lives_ms(store, "t") == {"t": 6 * HOUR_MS}


class TestOfATask:
    def test_it_goes_when_it_has_said_so(self, store: RecordStore) -> None:
        store.upkeep.condemn(limit=1)
        end(store, "t", status=Status.SUCCEEDED, expires_at_ms=START_MS + HOUR_MS // 2)
        assert store.task("t").expires_at_ms == START_MS + HOUR_MS // 2
        assert lives_ms(store, "t") == {"t": HOUR_MS // 2}

    def test_retention_may_be_over_before(self, store: RecordStore) -> None:
        store.upkeep.condemn(limit=1)
        end(store, "t", status=Status.SUCCEEDED, expires_at_ms=START_MS + 10 * RETENTION_MS)
        assert lives_ms(store, "t") == {"t": RETENTION_MS}

    def test_it_never_goes_before_it_has_ended(self, store: RecordStore) -> None:
        store.submit(replace(new_task("t"), expires_at_ms=START_MS + 1))
        run = store.claim_one()
        store.pass_time(2)
        assert store.upkeep.condemn(limit=10) == ()
        store.claims.finish(run, DONE)
        assert lives_ms(store, "t") == {"t": 0}

    def test_it_can_be_changed_at_any_time(self, store: RecordStore) -> None:
        store.upkeep.condemn(limit=1)
        end(store, "ended", status=Status.SUCCEEDED)
        store.submit(new_task("waits"))
        soon = START_MS + HOUR_MS // 2
        for task_id in ("ended", "waits"):
            assert store.intake.change("film-a", task_id, expires_at_ms=soon).expires_at_ms == soon
        store.intake.cancel("film-a", "waits")
        assert walk(store) == set()
        assert lives_ms(store, "ended", "waits") == {"ended": HOUR_MS // 2, "waits": HOUR_MS // 2}

    def test_it_can_be_taken_away(self, store: RecordStore) -> None:
        store.upkeep.condemn(limit=1)
        end(store, "t", status=Status.SUCCEEDED, expires_at_ms=START_MS + 1)
        assert store.intake.change("film-a", "t", expires_at_ms=0).expires_at_ms is None
        assert lives_ms(store, "t") == {"t": RETENTION_MS}

    def test_nothing_else_of_a_task_that_has_ended_can(self, store: RecordStore) -> None:
        end(store, "t", status=Status.SUCCEEDED)
        with pytest.raises(IllegalMove):
            store.intake.change("film-a", "t", priority=Priority.HIGH, expires_at_ms=START_MS)
        assert store.task("t").expires_at_ms is None

    def test_a_retry_begins_anew(self, store: RecordStore) -> None:
        keep(store, retention_failed_s=60)
        end(store, "t", status=Status.FAILED)
        store.intake.resubmit("film-a", "t", generation=1)
        store.claims.finish(store.claim_one(), DONE)
        assert store.task("t").expires_at_ms is None


class TestSharedFiles:
    def test_they_stay_as_long_as_a_task_shows_them(self, store: RecordStore) -> None:
        store.upkeep.condemn(limit=1)
        same = {"content": "c"}
        store.submit(replace(new_task("leader"), **same, expires_at_ms=START_MS + HOUR_MS // 4))  # type: ignore[arg-type]  # a field
        run = store.claim_one()
        output = Artifact("a.txt", run.prefix + "a.txt", "text/plain", 4, "0" * 64)
        store.submit(replace(new_task("follower"), **same))  # type: ignore[arg-type]  # a field
        store.claims.finish(run, Commit((output,), {}, {}, actual_s=1.0))
        assert walk(store) == set()
        found = lives_ms(store, "leader", "follower")
        assert found["leader"] >= found["follower"] == RETENTION_MS


class TestDeletion:
    def test_what_a_run_writes_after_losing_goes_a_day_later(self, store: RecordStore) -> None:
        """The run hears of the stop too late: it has lost its task, and stores one more file."""
        keep(store, retention_s=30 * 86_400)
        storage = MemoryStorage()
        sweeper = Sweep(store.upkeep, storage, build_queue_metrics())
        store.submit(new_task("t"))
        run = store.claim_one()
        storage.put(b"early", run.prefix + "a.txt", content_type="text/plain")
        store.intake.delete("film-a", "t")
        sweeper.tick()
        assert len(storage.objects) == 1  # nothing is swept under a run
        store.claims.stop(run)
        sweeper.tick()
        assert storage.objects == {}
        storage.put(b"late", run.prefix + "b.txt", content_type="text/plain")
        store.pass_time(DAY_MS - 1)
        sweeper.tick()
        assert len(storage.objects) == 1
        store.pass_time(1)
        sweeper.tick()
        assert (storage.objects, store.client.hgetall("orch:task:t")) == ({}, {})
