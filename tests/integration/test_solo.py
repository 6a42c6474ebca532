"""What a crash changes: the task runs alone from now on, and a busy child makes room for it."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from front_door import Bells
from record_store import DONE, FAILURE, LEASE_MS, RecordStore, new_task, open_store

from orchestrator.domain.lane import solo_lane
from orchestrator.domain.retry import Again
from orchestrator.domain.task import NewTask, Run, Status
from orchestrator.ports.claims import Beat, Claimed
from orchestrator.services.upkeep.ring_lanes import RingLanes
from orchestrator.telemetry import build_queue_metrics

LEASE_S = LEASE_MS // 1000
SOLO = solo_lane("io")
WAIT_S = 5.0


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        opened.tick(LEASE_S)  # a keeper that has just started grants a grace
        yield opened


def crash(store: RecordStore, *runs: Run) -> None:
    store.claims.beat([Beat(run) for run in runs])
    store.tick(LEASE_S)


def crashed(store: RecordStore, *tasks: NewTask) -> None:
    """Tasks of which one has killed the child that ran them all."""
    store.submit(*tasks)
    crash(store, *store.claim(count=len(tasks)).runs)


def claim(store: RecordStore, owner: str) -> Claimed:
    """As a child does that has run something already."""
    return store.claims.claim("io", owner, run_ids=[f"of-{owner}-{store.now_ms}"], yield_after_s=WAIT_S)


def yielding(store: RecordStore, owners: int) -> int:
    """How many of so many busy children are told to yield."""
    return sum(claim(store, f"busy-{number}").yields for number in range(owners))


class TestSoloLane:
    def test_a_crashed_task_is_ready_in_the_solo_lane_and_nowhere_else(self, store: RecordStore) -> None:
        crashed(store, new_task("t"))
        assert store.claim() == Claimed((), more=False)
        (run,) = store.claim(lane=SOLO).runs
        store.claims.finish(run, DONE)
        assert store.task("t").status is Status.SUCCEEDED

    def test_it_stays_there_until_it_ends(self, store: RecordStore) -> None:
        crashed(store, new_task("t"))
        store.claims.release(store.claim_one())
        assert not store.claim().runs
        store.claims.fail(store.claim_one(), FAILURE, decision=Again(after_s=1, counts=True))
        store.tick(1)
        assert not store.claim().runs
        crash(store, store.claim_one())
        assert not store.claim().runs
        assert store.claim(lane=SOLO).runs

    def test_a_client_retry_is_a_new_beginning(self, store: RecordStore) -> None:
        crashed(store, new_task("t"))
        store.intake.cancel("film-a", "t")
        store.intake.resubmit("film-a", "t", generation=1)
        assert not store.claim(lane=SOLO).runs
        assert store.claim().runs

    def test_a_release_is_no_crash(self, store: RecordStore) -> None:
        store.submit(new_task("t"))
        store.claim_one()
        store.tick(LEASE_S)
        assert store.claim().runs

    def test_it_is_canceled_there_like_anywhere(self, store: RecordStore) -> None:
        crashed(store, new_task("t"))
        assert store.intake.cancel("film-a", "t").status is Status.CANCELED
        assert not store.claim(lane=SOLO).runs

    def test_its_place_in_the_queue_is_told(self, store: RecordStore) -> None:
        crashed(store, new_task("t1"), new_task("t2"))
        store.submit(new_task("another"))
        places = [store.forecast.place(store.task(task_id)) for task_id in ("t1", "t2")]
        assert {place.position for place in places if place} == {0, 1}

    def test_the_keeper_measures_it_and_rings_for_it(self, store: RecordStore) -> None:
        crashed(store, new_task("t"))
        store.pass_time(7_000)
        bells = Bells()
        RingLanes(store.upkeep, bells, build_queue_metrics()).tick()
        assert bells.rung == [SOLO]
        (load,) = store.upkeep.load().lanes
        assert (load.lane, load.ready, load.oldest_wait_s) == (SOLO, 1, 7.0)

    def test_a_project_full_of_poison_does_not_hold_up_anothers_task(self, store: RecordStore) -> None:
        poison = [new_task(f"a{number}") for number in range(20)]
        crashed(store, *poison, new_task("healthy", project="film-b"))
        first = [run.task.id for _ in range(2) for run in store.claim(lane=SOLO).runs]
        assert "healthy" in first

    def test_what_it_takes_is_charged_in_the_turn_of_the_solo_lane(self, store: RecordStore) -> None:
        crashed(store, *(new_task(f"{film}{number}", project=film) for film in ("a", "b") for number in range(4)))
        (dear,) = store.claim(lane=SOLO).runs
        store.claims.finish(dear, replace(DONE, actual_s=9.0))
        others = [run.task.project for _ in range(4) for run in store.claim(lane=SOLO).runs]
        assert dear.task.project not in others


class TestYield:
    def test_nobody_yields_to_a_task_that_has_not_waited_long(self, store: RecordStore) -> None:
        crashed(store, new_task("t"))
        store.pass_time(int(WAIT_S * 1000) - 1)
        assert yielding(store, owners=4) == 0
        store.pass_time(1)
        assert yielding(store, owners=4) == 1

    def test_one_owner_yields_for_each_task_that_waits(self, store: RecordStore) -> None:
        crashed(store, *(new_task(f"t{number}") for number in range(3)))
        store.pass_time(int(WAIT_S * 1000))
        assert yielding(store, owners=8) == 3

    def test_work_that_waits_is_left_to_the_others(self, store: RecordStore) -> None:
        crashed(store, new_task("t"))
        store.submit(new_task("more"))
        store.pass_time(int(WAIT_S * 1000))
        assert claim(store, "busy-1") == Claimed((), more=True, yields=True)
        assert [run.task.id for run in claim(store, "busy-2").runs] == ["more"]

    def test_an_owner_whose_answer_was_lost_is_told_again(self, store: RecordStore) -> None:
        crashed(store, new_task("t"))
        store.pass_time(int(WAIT_S * 1000))
        assert claim(store, "busy-1").yields
        assert claim(store, "busy-1").yields

    def test_runs_whose_answer_was_lost_are_told_again_whatever_waits(self, store: RecordStore) -> None:
        crashed(store, new_task("t"))
        store.submit(new_task("more"))
        lost = store.claims.claim("io", "busy-1", run_ids=["r1"], yield_after_s=WAIT_S)
        store.pass_time(int(WAIT_S * 1000))
        assert store.claims.claim("io", "busy-1", run_ids=["r1"], yield_after_s=WAIT_S) == lost

    def test_one_who_came_and_found_nothing_is_forgotten(self, store: RecordStore) -> None:
        crashed(store, new_task("t1"))
        store.pass_time(int(WAIT_S * 1000))
        assert claim(store, "busy-1").yields
        store.claim(lane=SOLO, owner="idle")
        store.claim(lane=SOLO, owner="busy-1")
        assert "orch:yields" not in store.dump()

    def test_one_who_never_came_is_replaced(self, store: RecordStore) -> None:
        crashed(store, new_task("t"))
        store.pass_time(int(WAIT_S * 1000))
        assert claim(store, "died").yields
        store.pass_time(int(WAIT_S * 1000) - 1)
        assert not claim(store, "busy-1").yields
        store.pass_time(1)
        assert claim(store, "busy-1").yields

    def test_nobody_yields_to_a_task_that_may_not_run(self, store: RecordStore) -> None:
        crashed(store, new_task("t"))
        store.client.eval("redis.call('SADD', 'orch:held_back', 'echo')", 0)
        store.pass_time(int(WAIT_S * 1000))
        assert yielding(store, owners=4) == 0
