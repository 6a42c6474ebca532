"""A day after its end a task keeps the files that something points to, and no others."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from fakes_storage import MemoryStorage
from record_store import DONE, FAILURE, RecordStore, new_task, open_store

from orchestrator.domain.errors import Category, Unavailable
from orchestrator.domain.retry import Again, GiveUp
from orchestrator.domain.task import Artifact, Run
from orchestrator.ports.storage import ObjectInfo
from orchestrator.services.upkeep.sweep_strays import SweepStrays

A_DAY_MS = 86_400_000


class CountedStorage(MemoryStorage):
    """Counts its listings."""

    listings = 0

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        self.listings += 1
        return super().list(prefix, after=after)


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        yield opened


@pytest.fixture
def storage() -> CountedStorage:
    return CountedStorage()


def write(storage: MemoryStorage, run: Run, *, name: str) -> Artifact:
    key = run.prefix + name
    storage.objects[key] = (b"made", "text/plain")
    return Artifact(name, key, "text/plain", 4, "ab")


def lose_and_finish(store: RecordStore, storage: MemoryStorage) -> str:
    """A first run leaves a file and fails, the second one succeeds; the key of what it shows."""
    store.submit(new_task("t"))
    first = store.claim_one()
    write(storage, first, name="lost.txt")
    store.claims.fail(first, FAILURE, decision=Again(0.0, counts=True))
    store.tick(1)
    second = store.claim_one()
    shown = write(storage, second, name="shown.txt")
    store.claims.finish(second, replace(DONE, outputs=(shown,)))
    return shown.key


def test_what_a_lost_run_had_stored_goes_after_a_day(store: RecordStore, storage: CountedStorage) -> None:
    shown = lose_and_finish(store, storage)
    sweep = SweepStrays(store.upkeep, storage)
    store.pass_time(A_DAY_MS - 1)
    sweep.tick()
    assert len(storage.objects) == 2
    store.pass_time(1)
    sweep.tick()
    sweep.tick()
    assert (list(storage.objects), storage.listings) == ([shown], 1)


def test_a_task_whose_only_run_succeeded_costs_no_listing(store: RecordStore, storage: CountedStorage) -> None:
    store.submit(new_task("t"))
    store.claims.finish(store.claim_one(), DONE)
    store.pass_time(2 * A_DAY_MS)
    SweepStrays(store.upkeep, storage).tick()
    assert storage.listings == 0


def test_what_a_retry_would_go_on_with_stays(store: RecordStore, storage: CountedStorage) -> None:
    store.submit(new_task("t"))
    run = store.claim_one()
    kept, _lost = write(storage, run, name="kept.txt"), write(storage, run, name="lost.txt")
    store.claims.advance(run, "infer", checkpoint={"files": [{"key": kept.key}, {"key": ""}]})
    store.claims.fail(run, FAILURE, decision=GiveUp())
    store.pass_time(A_DAY_MS)
    SweepStrays(store.upkeep, storage).tick()
    assert list(storage.objects) == [kept.key]


def test_a_task_that_lives_again_is_left_alone(store: RecordStore, storage: CountedStorage) -> None:
    store.submit(new_task("t"))
    run = store.claim_one()
    write(storage, run, name="a.txt")
    store.claims.fail(run, FAILURE, decision=GiveUp())
    store.intake.resubmit("film-a", "t", generation=1)
    store.pass_time(A_DAY_MS)
    SweepStrays(store.upkeep, storage).tick()
    assert (len(storage.objects), storage.listings) == (1, 0)


def test_a_run_that_begins_meanwhile_keeps_what_it_writes(store: RecordStore, storage: CountedStorage) -> None:
    lose_and_finish(store, storage)
    store.pass_time(A_DAY_MS)
    task = store.task("t")
    later = write(storage, Run(task, task.epoch + 1, "later", "worker-1"), name="later.txt")
    SweepStrays(store.upkeep, storage).tick()
    assert later.key in storage.objects


def test_what_cannot_be_swept_is_looked_at_again_after_an_hour(store: RecordStore, storage: CountedStorage) -> None:
    shown = lose_and_finish(store, storage)
    sweep = SweepStrays(store.upkeep, storage)
    store.pass_time(A_DAY_MS)
    storage.failure = Unavailable("away", service="storage", category=Category.STORAGE)
    sweep.tick()
    storage.failure = None
    sweep.tick()
    assert len(storage.objects) == 2
    store.pass_time(3_600_000)
    sweep.tick()
    assert list(storage.objects) == [shown]
