"""What is past its retention goes, artifacts first; what a client has taken up again stays."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakes_storage import MemoryStorage
from record_store import DONE, RETENTION_MS, RecordStore, new_task, open_store, walk

from orchestrator.domain.errors import Category, Refused, TaskNotFound
from orchestrator.domain.task import Status
from orchestrator.services.upkeep.sweep import SWEPT_A_ROUND, Sweep
from orchestrator.telemetry import build_queue_metrics


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        yield opened


class StubbornStorage(MemoryStorage):
    """Refuses to delete what has ``stubborn`` in its key."""

    stubborn = "nothing yet"

    def delete(self, key: str) -> None:
        if self.stubborn in key:
            raise Refused("the object is locked", service="storage", category=Category.INTERNAL)
        super().delete(key)


def sweep(store: RecordStore, storage: MemoryStorage | None = None) -> Sweep:
    return Sweep(store.upkeep, storage or MemoryStorage(), build_queue_metrics())


def submit_ended(store: RecordStore, *ids: str, storage: MemoryStorage) -> None:
    """Tasks that have ended one after the other, each with an artifact."""
    for task_id in ids:
        store.submit(new_task(task_id))
        run = store.claim_one()
        storage.objects[run.prefix + "a.txt"] = (b"made", "text/plain")
        store.claims.finish(run, DONE)
        store.pass_time(1)


class TestSweep:
    def test_artifacts_and_record_go_when_the_retention_is_over(self, store: RecordStore, tmp_path: Path) -> None:
        storage = MemoryStorage()
        sweeper = sweep(store, storage)
        store.submit(new_task("t", key="k"), new_task("waits"))
        run = store.claim_one()
        (tmp_path / "a.txt").write_text("made")
        storage.store(tmp_path / "a.txt", run.prefix + "a.txt", content_type="text/plain")
        store.claims.finish(run, DONE)
        store.pass_time(RETENTION_MS - 1)
        sweeper.tick()
        assert storage.objects
        store.pass_time(1)
        sweeper.tick()
        assert not storage.objects
        with pytest.raises(TaskNotFound):
            store.task("t")
        assert store.task("waits").status is Status.QUEUED

    def test_a_tick_sweeps_more_than_a_round(self, store: RecordStore) -> None:
        ids = [f"t{i:03}" for i in range(2 * SWEPT_A_ROUND + 1)]
        store.submit(*(new_task(task_id) for task_id in ids))
        for task_id in ids:
            store.intake.cancel("film-a", task_id)
        store.pass_time(RETENTION_MS)
        sweep(store).tick()
        assert store.upkeep.condemn(limit=1) == ()

    def test_a_live_task_is_not_forgotten(self, store: RecordStore) -> None:
        store.submit(new_task("t"))
        store.upkeep.purge("t")
        assert store.claim_one().task.id == "t"

    def test_a_condemned_task_cannot_be_retried_under_the_sweeper(self, store: RecordStore) -> None:
        store.submit(new_task("t"))
        store.intake.cancel("film-a", "t")
        store.pass_time(RETENTION_MS)
        assert [swept.task_id for swept in store.upkeep.condemn(limit=10)] == ["t"]
        with pytest.raises(TaskNotFound):
            store.intake.resubmit("film-a", "t", generation=1)

    def test_a_retry_that_came_first_saves_the_task(self, store: RecordStore) -> None:
        store.submit(new_task("t"))
        store.intake.cancel("film-a", "t")
        store.pass_time(RETENTION_MS)
        store.intake.resubmit("film-a", "t", generation=1)
        assert store.upkeep.condemn(limit=10) == ()
        store.claims.finish(store.claim_one(), DONE)
        store.upkeep.purge("t")
        assert store.task("t").status is Status.SUCCEEDED

    def test_what_cannot_be_swept_keeps_nothing_that_can(self, store: RecordStore) -> None:
        storage, stuck = StubbornStorage(), [f"stuck-{number:03}" for number in range(SWEPT_A_ROUND)]
        submit_ended(store, *stuck, "t", storage=storage)
        storage.stubborn = "/stuck-"
        store.pass_time(RETENTION_MS)
        sweeper = sweep(store, storage)
        sweeper.tick()
        sweeper.tick()
        assert {key.split("/")[3] for key in storage.objects} == {*stuck}
        counted = sweeper.metrics.registry.get_sample_value
        assert counted("orchestrator_swept_total", {"what": "task", "outcome": "failed"}) == SWEPT_A_ROUND
        assert counted("orchestrator_swept_total", {"what": "task", "outcome": "gone"}) == 1
        assert walk(store) == set()

    def test_what_cannot_be_swept_is_tried_again_after_pauses_that_double(self, store: RecordStore) -> None:
        storage = StubbornStorage()
        submit_ended(store, "t", storage=storage)
        storage.stubborn = "/t/"
        store.pass_time(RETENTION_MS)
        sweeper, tries = sweep(store, storage), list[int]()
        for second in range(80):
            if store.upkeep.condemn(limit=1):
                tries.append(second)
                sweeper.tick()
            store.pass_time(1_000)
        assert tries == [0, 10, 30, 70]
        storage.stubborn = "nothing any more"
        store.pass_time(RETENTION_MS)
        sweeper.tick()
        assert (storage.objects, store.upkeep.condemn(limit=1)) == ({}, ())

    def test_an_upload_that_no_task_uses_is_swept(self, store: RecordStore) -> None:
        used, unused = "projects/film-a/uploads/1/used.png", "projects/film-a/uploads/2/unused.png"
        storage = MemoryStorage(dict.fromkeys((used, unused), (b"...", "image/png")))
        store.upkeep.track_upload(used)
        store.upkeep.track_upload(unused)
        store.pass_time(RETENTION_MS // 2)
        store.submit(replace(new_task("t"), input={"object": used}))
        store.pass_time(RETENTION_MS // 2)
        sweep(store, storage).tick()
        assert storage.objects.keys() == {used}
        assert store.upkeep.expired_uploads(limit=10) == ()

    def test_an_upload_that_cannot_be_swept_waits_for_another_retention(self, store: RecordStore) -> None:
        storage = StubbornStorage()
        storage.stubborn = "locked"
        store.upkeep.track_upload("projects/film-a/uploads/1/locked.png")
        store.pass_time(RETENTION_MS)
        sweep(store, storage).tick()
        assert store.upkeep.expired_uploads(limit=10) == ()
        store.pass_time(RETENTION_MS)
        assert len(store.upkeep.expired_uploads(limit=10)) == 1

    def test_an_object_that_was_never_offered_is_not_tracked_by_its_use(self, store: RecordStore) -> None:
        store.submit(replace(new_task("t"), input={"object": "projects/film-a/film.mp4"}))
        store.pass_time(2 * RETENTION_MS)
        assert store.upkeep.expired_uploads(limit=10) == ()
