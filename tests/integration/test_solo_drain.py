"""What a worker child does about tasks that have crashed: it runs one at a time, and nothing beside it."""

import threading
from collections.abc import Callable, Iterator

import pytest
from processes import wait_for
from record_store import DONE, LEASE_MS, RecordStore, new_task, open_store
from worker_child import PATIENCE_S, QUICK, Child

from orchestrator.domain.lane import solo_lane
from orchestrator.domain.task import Run, Status
from orchestrator.ports.claims import Beat
from orchestrator.services.runs.drain import Slots

SOLO = solo_lane("io")


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    """In which two tasks have crashed and waited long enough for a busy child to make room."""
    with open_store(redis_url) as opened:
        opened.submit(new_task("crashed-1"), new_task("crashed-2"))
        opened.tick(LEASE_MS // 1000)
        opened.claims.beat([Beat(run) for run in opened.claim(count=2).runs])
        opened.tick(LEASE_MS // 1000)
        opened.pass_time(int(1000 * (QUICK.yield_after_s or 0)))
        yield opened


def finish(store: RecordStore) -> Callable[[Run], None]:
    return lambda run: store.claims.finish(run, DONE)


def test_a_pulse_of_the_solo_lane_runs_one_task_and_rings_for_the_next(store: RecordStore) -> None:
    store.submit(new_task("ordinary"))
    child = Child(store, finish(store))
    assert child.drain(SOLO) == 1
    assert child.told == [f"rings {SOLO}", "runs crashed-1"]


def test_a_solo_lane_without_work_keeps_nobody(store: RecordStore) -> None:
    store.claim(lane=SOLO, count=2)
    child = Child(store, finish(store), Slots(count=2, idle_s=2 * PATIENCE_S))
    with child.draining(SOLO):
        pass
    assert child.told == []


def test_a_busy_child_lets_its_runs_end_and_then_runs_one_alone(store: RecordStore) -> None:
    running: set[str] = set()
    neighbours: dict[str, set[str]] = {}
    long_goes_on = threading.Event()

    def work(run: Run) -> None:
        neighbours[run.task.id] = set(running)
        running.add(run.task.id)
        if run.task.id == "b-long":
            assert long_goes_on.wait(PATIENCE_S)
        store.claims.finish(run, DONE)
        running.discard(run.task.id)

    store.submit(new_task("a-short"), new_task("b-long"), new_task("c-left"))
    child = Child(store, work)
    with child.draining():
        wait_for(lambda: f"orch:yields:{SOLO}" in store.dump())
        assert "runs crashed-1" not in child.told
        long_goes_on.set()
    assert child.told[-1] == "runs crashed-1"
    assert neighbours["crashed-1"] == set()
    assert store.task("c-left").status is Status.QUEUED


def test_every_pulse_does_some_of_the_lanes_own_work_first(store: RecordStore) -> None:
    store.submit(*(new_task(f"ordinary-{number}") for number in range(9)))
    for crashed in ("crashed-1", "crashed-2"):
        child = Child(store, finish(store))
        assert child.drain() > QUICK.count
        assert child.told[-1] == f"runs {crashed}"


def test_a_child_that_stops_leaves_it_to_others(store: RecordStore) -> None:
    def work(run: Run) -> None:
        store.claims.finish(run, DONE)
        child.stopping.set()

    store.submit(new_task("ordinary"))
    child = Child(store, work)
    child.drain()
    assert child.told == ["runs ordinary"]
    assert len(store.claim(lane=SOLO, count=2).runs) == 2
