"""What a leader has made: for whom it is good, and how long it is kept."""

from collections.abc import Iterator

import pytest
from following_room import MADE, begin, same, statuses
from record_store import DONE, RETENTION_MS, RecordStore, open_store, walk

from orchestrator.adapters.redis.served import RedisServed
from orchestrator.domain.batch import NewBatch
from orchestrator.domain.errors import TaskNotFound
from orchestrator.domain.task import Status
from orchestrator.ports.claims import Beat, Verdict


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        yield opened


class TestVersions:
    def serve(self, store: RecordStore, versions: str) -> None:
        RedisServed(store.client).note("echo", versions)

    def test_what_another_version_made_is_not_shared(self, store: RecordStore) -> None:
        self.serve(store, "1")
        store.claims.finish(begin(store, "first"), DONE)
        store.submit(same("second"))
        self.serve(store, "2")
        store.submit(same("third"))
        assert statuses(store, "second", "third") == ["succeeded", "queued"]
        run = store.claim_one()
        store.submit(same("fourth"))
        assert (run.task.id, store.task("fourth").follows) == ("third", "third")

    def test_what_was_made_while_versions_changed_is_nobody_elses(self, store: RecordStore) -> None:
        self.serve(store, "1")
        run = begin(store, "first", "second")
        self.serve(store, "2")
        store.claims.finish(run, DONE)
        store.submit(same("third"))
        assert statuses(store, "second", "third") == ["succeeded", "queued"]
        assert walk(store) == set()

    def test_what_waits_for_another_run_is_made_by_those_that_serve_then(self, store: RecordStore) -> None:
        self.serve(store, "1")
        store.claims.release(begin(store, "first"))
        self.serve(store, "2")
        store.submit(same("second"))
        assert store.task("second").follows == "first"

    def test_what_a_run_has_left_is_of_the_version_that_made_it(self, store: RecordStore) -> None:
        self.serve(store, "1")
        run = begin(store, "first")
        store.claims.advance(run, "infer", checkpoint={})
        store.claims.release(run)
        self.serve(store, "2")
        store.claims.finish(store.claim_one(), DONE)
        store.submit(same("second"))
        assert statuses(store, "first", "second") == ["succeeded", "queued"]


class TestRetention:
    def sweep(self, store: RecordStore) -> list[str]:
        swept = [swept.task_id for swept in store.upkeep.condemn(limit=100)]
        for task_id in swept:
            store.upkeep.purge(task_id)
        return swept

    def test_files_stay_as_long_as_a_task_shows_them(self, store: RecordStore) -> None:
        store.claims.finish(begin(store, "first"), MADE)
        store.pass_time(RETENTION_MS - 1)
        store.submit(same("late"))
        store.pass_time(RETENTION_MS - 1)
        assert self.sweep(store) == []
        assert walk(store) == set()
        store.pass_time(2)
        assert self.sweep(store) == ["late", "first"], "whose files they are goes last"
        assert walk(store) == set()

    def test_what_is_forgotten_is_made_anew(self, store: RecordStore) -> None:
        store.claims.finish(begin(store, "first"), MADE)
        store.pass_time(RETENTION_MS)
        store.upkeep.condemn(limit=100)
        store.submit(same("second"))
        assert store.task("second").status is Status.QUEUED
        store.upkeep.purge("first")
        with pytest.raises(TaskNotFound):
            store.task("first")
        store.submit(same("third"))
        assert store.task("third").follows == "second"
        assert walk(store) == set()

    def test_a_leader_that_is_deleted_while_it_runs_makes_what_others_want(self, store: RecordStore) -> None:
        run = begin(store, "first", "second")
        store.intake.delete("film-a", "first")
        assert store.claims.beat([Beat(run)]) == [Verdict.GO_ON]
        store.claims.finish(run, MADE)
        assert store.task("second").outputs == MADE.outputs
        assert self.sweep(store) == [], "the files are shown"
        assert walk(store) == set()
        store.pass_time(RETENTION_MS + 1)
        assert self.sweep(store) == ["second", "first"]

    def test_nobody_shows_the_files_of_one_whose_followers_left(self, store: RecordStore) -> None:
        run = begin(store, "first", "second")
        store.intake.cancel("film-a", "second")
        store.claims.finish(run, MADE)
        store.intake.delete("film-a", "first")
        assert self.sweep(store) == ["first"]


def test_tasks_of_one_batch_follow_one_another(store: RecordStore) -> None:
    store.intake.submit_batch(
        NewBatch("film-a", (same("first"), same("second"), same("third", content="other")), "sha")
    )
    assert [store.task(task_id).follows for task_id in ("first", "second", "third")] == [None, "first", None]
    assert walk(store) == set()
