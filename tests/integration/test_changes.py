"""What a client may change of a task that waits, and what is left of one that it has deleted."""

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from fakes_storage import MemoryStorage
from following_room import same
from front_door import KEYS, FrontDoor
from record_store import DONE, FAILURE, LEASE_MS, RETENTION_MS, RecordStore, new_task, open_store, walk

from orchestrator.client import Client, errors
from orchestrator.domain.errors import IllegalMove, TaskNotFound
from orchestrator.domain.retry import Again
from orchestrator.domain.task import Priority, Run, Status
from orchestrator.ports.claims import Beat, Verdict
from orchestrator.ports.reads import TaskFilter
from orchestrator.services.upkeep.sweep import Sweep
from orchestrator.telemetry import build_queue_metrics

DAY_MS = 86_400_000


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        yield opened


def prioritise(store: RecordStore, task_id: str, *, priority: Priority) -> None:
    assert store.intake.change("film-a", task_id, priority=priority).priority is priority


def served(store: RecordStore, count: int) -> list[str]:
    return [run.task.id for run in store.claim(count=count).runs]


class TestPriority:
    def test_a_task_stands_where_it_would_if_it_had_been_submitted_so(self, store: RecordStore) -> None:
        for name in ("a", "b", "c"):
            store.submit(new_task(name))
            store.pass_time(1_000)
        prioritise(store, "c", priority=Priority.HIGH)
        prioritise(store, "a", priority=Priority.LOW)
        store.submit(replace(new_task("d"), priority=Priority.HIGH))
        assert served(store, 4) == ["c", "d", "b", "a"]

    def test_there_and_back_is_where_it_was(self, store: RecordStore) -> None:
        for name in ("a", "b", "c"):
            store.submit(new_task(name))
            store.pass_time(1_000)
        for priority in (Priority.HIGH, Priority.HIGH, Priority.LOW, Priority.NORMAL):
            prioritise(store, "b", priority=priority)
        assert walk(store) == set()
        assert served(store, 3) == ["a", "b", "c"]

    def test_it_holds_for_the_next_try_as_well(self, store: RecordStore) -> None:
        store.submit(new_task("t"))
        store.claims.fail(store.claim_one(), FAILURE, decision=Again(1.0, counts=True))
        store.submit(new_task("first"))
        prioritise(store, "t", priority=Priority.LOW)
        store.tick(2)
        assert served(store, 2) == ["first", "t"]


class TestLabels:
    def test_they_are_replaced_and_found(self, store: RecordStore) -> None:
        store.submit(replace(new_task("t"), labels={"shot": "12b", "take": "3"}))
        changed = store.intake.change("film-a", "t", labels={"shot": "12c"})
        assert (changed.labels, changed.priority) == ({"shot": "12c"}, Priority.NORMAL)
        page = store.reads.list("film-a", TaskFilter(labels={"shot": "12c"}), limit=10)
        assert [task.id for task in page.items] == ["t"]


def test_only_what_waits_can_be_changed(store: RecordStore) -> None:
    store.submit(new_task("t"))
    run = store.claim_one()
    with pytest.raises(IllegalMove):
        store.intake.change("film-a", "t", priority=Priority.HIGH)
    store.claims.finish(run, DONE)
    with pytest.raises(IllegalMove):
        store.intake.change("film-a", "t", labels={})
    with pytest.raises(TaskNotFound):
        store.intake.change("film-b", "t", priority=Priority.HIGH)


def require_gone(store: RecordStore, task_id: str) -> None:
    """No client sees it, by no way."""
    assert task_id not in [task.id for task in store.reads.list("film-a", TaskFilter(), limit=100).items]
    assert task_id not in [task.id for task in store.reads.list("film-a", TaskFilter(labels={}), limit=100).items]
    with pytest.raises(TaskNotFound):
        store.task(task_id)
    with pytest.raises(TaskNotFound):
        store.intake.cancel("film-a", task_id)
    with pytest.raises(TaskNotFound):
        store.intake.change("film-a", task_id, labels={})
    with pytest.raises(TaskNotFound):
        store.intake.resubmit("film-a", task_id, generation=1)


def make_artifact(storage: MemoryStorage, run: Run) -> None:
    storage.objects[run.prefix + "a.txt"] = (b"made", "text/plain")


class TestDelete:
    def test_a_task_that_waits_is_canceled_and_gone(self, store: RecordStore) -> None:
        store.submit(new_task("t", key="k"), new_task("other"))
        store.intake.delete("film-a", "t")
        require_gone(store, "t")
        store.intake.delete("film-a", "t")
        assert served(store, 2) == ["other"]
        assert walk(store) == set()
        assert store.intake.submit(new_task("again", key="k")).replayed, "its key makes no second task"

    def test_a_run_is_stopped_and_then_swept(self, store: RecordStore) -> None:
        storage = MemoryStorage()
        store.submit(new_task("t"))
        run = store.claim_one()
        make_artifact(storage, run)
        store.intake.delete("film-a", "t")
        require_gone(store, "t")
        sweeper = Sweep(store.upkeep, storage, build_queue_metrics())
        sweeper.tick()
        assert storage.objects, "it may still be writing"
        assert store.claims.beat([Beat(run)]) == [Verdict.STOP]
        store.claims.stop(run)
        sweeper.tick()
        assert not storage.objects
        assert walk(store) == set()

    def test_what_a_lost_run_wrote_later_is_swept_a_day_later(self, store: RecordStore) -> None:
        storage = MemoryStorage()
        store.submit(new_task("t"))
        run = store.claim_one()
        store.intake.delete("film-a", "t")
        store.tick(LEASE_MS // 1_000 + 1)  # it has not been heard of
        sweeper = Sweep(store.upkeep, storage, build_queue_metrics())
        sweeper.tick()
        make_artifact(storage, run)
        store.pass_time(DAY_MS // 2)
        sweeper.tick()
        assert storage.objects
        assert walk(store) == set()
        store.pass_time(DAY_MS // 2)
        sweeper.tick()
        assert not storage.objects
        assert "orch:task:t" not in store.dump()

    def test_what_has_ended_goes_at_once_and_is_counted_no_more(self, store: RecordStore) -> None:
        storage = MemoryStorage()
        store.submit(new_task("t"))
        run = store.claim_one()
        make_artifact(storage, run)
        store.claims.finish(run, DONE)
        store.intake.delete("film-a", "t")
        require_gone(store, "t")
        Sweep(store.upkeep, storage, build_queue_metrics()).tick()
        assert not storage.objects

    def test_files_that_another_task_shows_stay_as_long_as_it_does(self, store: RecordStore) -> None:
        storage = MemoryStorage()
        sweeper = Sweep(store.upkeep, storage, build_queue_metrics())
        store.submit(same("leads"), same("follows"))
        run = store.claim_one()
        make_artifact(storage, run)
        store.claims.finish(run, DONE)
        store.intake.delete("film-a", "leads")
        require_gone(store, "leads")
        store.pass_time(RETENTION_MS - 1)
        sweeper.tick()
        assert storage.objects
        assert store.task("follows").status is Status.SUCCEEDED
        store.pass_time(2)
        sweeper.tick()
        assert not storage.objects

    def test_of_another_project_it_is_unknown(self, store: RecordStore) -> None:
        store.submit(new_task("t"))
        with pytest.raises(TaskNotFound):
            store.intake.delete("film-b", "t")
        assert store.task("t").status is Status.QUEUED


class TestOverHttp:
    def test_change_and_delete(self, door: FrontDoor, film_a: httpx.Client) -> None:
        with Client(door.url, KEYS["film-a"], tries=1) as client:
            task = client.submit("system.echo")
            changed = client.change(task.id, priority="high", labels={"shot": "12c"})
            assert (changed.priority, changed.labels) == ("high", {"shot": "12c"})
            assert client.change(task.id, labels={}).priority == "high"
            client.delete(task.id)
            client.delete(task.id)
            with pytest.raises(errors.TaskNotFound):
                client.get(task.id)
            assert film_a.get(f"/v1/tasks/{task.id}/events").status_code == 404

    def test_a_task_that_runs_is_not_changed(self, door: FrontDoor, film_a: httpx.Client) -> None:
        task_id = film_a.post("/v1/tasks", json={"type": "system.echo"}).json()["id"]
        door.next_run()
        refused = film_a.patch(f"/v1/tasks/{task_id}", json={"priority": "high"})
        assert (refused.status_code, refused.json()["code"]) == (409, "illegal_move")
        assert film_a.delete(f"/v1/tasks/{task_id}").status_code == 204
