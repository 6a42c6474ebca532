"""A long task in parts: what becomes of them becomes of the task, and nobody outside hears of them."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from parts_room import REELS, finish_all, parts_of, plan, statuses
from record_store import DONE, FAILURE, LEASE_MS, RecordStore, new_task, open_store, walk

from orchestrator.domain.errors import StaleRun, TaskNotFound
from orchestrator.domain.ids import part_id
from orchestrator.domain.limits import Quotas
from orchestrator.domain.overload import QuotaExceeded
from orchestrator.domain.part import MOST_PARTS, Slice
from orchestrator.domain.retry import Again, GiveUp
from orchestrator.domain.task import Progress, Status
from orchestrator.ports.claims import Beat, Verdict

AGAIN = Again(after_s=1, counts=True)
ONE = part_id("film", 1)


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        yield opened


def test_the_parts_are_claimed_in_their_order_and_the_task_is_not(store: RecordStore) -> None:
    plan(store)
    runs = store.claim(count=5).runs
    assert [(run.task.id, run.task.part_of, run.task.input["reel"]) for run in runs] == [
        (part_id("film", number), "film", number) for number in (1, 2, 3)
    ]
    assert runs[1].prefix == "projects/film-a/tasks/film/parts/2/" + runs[1].token + "/"
    task = store.task("film")
    assert (task.status, task.parts, task.run_id) == (Status.RUNNING, 3, "")


def test_the_run_that_planned_has_ended_well_and_may_say_so_again(store: RecordStore) -> None:
    run = plan(store)
    store.claims.plan(run, REELS)
    assert len(parts_of(store)) == 3
    assert [attempt.error for attempt in store.reads.attempts("film")] == [None]
    assert store.claims.beat([Beat(run)]) == [Verdict.LOST]
    with pytest.raises(StaleRun):
        store.claims.finish(run, DONE)


@pytest.mark.parametrize("slices", [(), REELS[:1] * (MOST_PARTS + 1)])
def test_a_task_has_some_parts_and_not_too_many(store: RecordStore, slices: tuple[Slice, ...]) -> None:
    store.submit(new_task("film"))
    with pytest.raises(ValueError, match="1 to 1000 parts"):
        store.claims.plan(store.claim_one(), slices)


def test_a_part_has_none(store: RecordStore) -> None:
    plan(store)
    with pytest.raises(ValueError, match="a part has none"):
        store.claims.plan(store.claim_one(), REELS)


def test_a_film_does_not_own_the_lane_of_its_project(store: RecordStore) -> None:
    """What is submitted within the ten seconds that the first part takes goes before the second."""
    plan(store)
    store.pass_time(5_000)
    store.submit(new_task("clip"))
    assert [run.task.id for run in store.claim(count=9).runs] == [ONE, "clip", part_id("film", 2), part_id("film", 3)]


def test_parts_take_no_room_in_the_projects_queue_but_their_task_does(redis_url: str) -> None:
    with open_store(redis_url, quotas=Quotas(max_queued=2)) as store:
        plan(store)
        store.submit(new_task("clip"))
        with pytest.raises(QuotaExceeded):
            store.submit(new_task("reel"))


def test_nobody_outside_hears_of_a_part(store: RecordStore) -> None:
    plan(store)
    before = len(store.reads.events("film"))
    run = store.claim_one()
    store.claims.release(run)
    with pytest.raises(TaskNotFound):
        store.task(run.task.id)
    assert len(store.reads.events("film")) == before
    assert {told.task_id for told in store.reads.story("film-a")} == {"film"}


def test_progress_is_what_is_done_and_how_far_the_rest_is(store: RecordStore) -> None:
    plan(store)
    first, second = store.claim(count=2).runs
    store.claims.finish(first, DONE)
    store.claims.beat([Beat(second, Progress("infer", 0.5, 5, 10))])
    assert store.task("film").progress == Progress("parts", 0.5, 1, 3)
    store.claims.release(second)
    store.claims.beat([Beat(store.claim(count=2).runs[1], Progress("infer", 0.1, 1, 10))])
    assert store.task("film").progress == Progress("parts", 0.3667, 1, 3)


def test_the_last_part_queues_the_task_to_join_them_before_any_other(store: RecordStore) -> None:
    plan(store)
    store.submit(new_task("clip"))
    runs = [run for run in store.claim(count=4).runs if run.task.part_of]
    for run in runs:
        assert store.task("film").status is Status.RUNNING
        store.claims.finish(run, replace(DONE, actual_s=7.0))
    assert store.task("film").status is Status.QUEUED
    join = store.claim_one()
    assert (join.task.id, join.epoch) == ("film", 2)
    assert [part.status for part in store.claims.parts(join)] == [Status.SUCCEEDED] * 3
    store.claims.finish(join, replace(DONE, actual_s=1.0))
    assert store.task("film").status is Status.SUCCEEDED
    assert float(store.client.hget("orch:task:film", "actual_s") or 0) == 22.0, "what all of it has cost"
    assert walk(store) == set()


def test_a_part_that_fails_for_a_while_is_tried_again(store: RecordStore) -> None:
    plan(store)
    run = store.claim_one()
    store.claims.fail(run, FAILURE, decision=AGAIN)
    assert store.task("film").status is Status.RUNNING
    assert store.tick(2).due == 0
    again = next(each for each in store.claim(count=3).runs if each.task.id == ONE)
    assert again.epoch == 2


def test_a_part_that_fails_for_good_fails_the_task_and_stops_the_rest(store: RecordStore) -> None:
    plan(store)
    first, second = store.claim(count=2).runs
    store.claims.fail(first, FAILURE, decision=GiveUp())
    task = store.task("film")
    assert (task.status, task.error) == (Status.FAILED, FAILURE)
    assert statuses(store) == ["failed", "canceled", "canceled"]
    assert store.claims.beat([Beat(second)]) == [Verdict.LOST]
    with pytest.raises(StaleRun):
        store.claims.finish(second, DONE)
    assert store.claim(count=9).runs == ()
    assert walk(store) == set()


def test_a_part_whose_workers_die_runs_alone_then_fails_the_task(store: RecordStore) -> None:
    plan(store, REELS[0])
    for _ in range(3):
        store.claims.beat([Beat(store.claim_one())])
        store.tick(2 * LEASE_MS // 1000)
    error = store.task("film").error
    assert error is not None
    assert error.code == "crashed_repeatedly"


def test_a_cancel_reaches_all_parts_at_once(store: RecordStore) -> None:
    plan(store)
    run = store.claim_one()
    store.intake.cancel("film-a", "film")
    assert store.task("film").status is Status.CANCELED
    assert statuses(store) == ["canceled"] * 3
    assert store.claims.beat([Beat(run)]) == [Verdict.LOST]
    assert walk(store) == set()


def test_what_others_follow_goes_on_until_the_last_has_left(store: RecordStore) -> None:
    store.submit(*(replace(new_task(name), content="same") for name in ("film", "other")))
    plan(store)
    first, second, _ = store.claim(count=3).runs
    store.intake.cancel("film-a", "film")
    store.claims.finish(first, DONE)
    assert [store.task(name).progress.done for name in ("film", "other")] == [1, 1]
    store.intake.cancel("film-a", "other")
    assert store.claims.beat([Beat(second, Progress("infer", 0.5, 5, 10))]) == [Verdict.GO_ON]
    assert store.task("film").status is Status.CANCELED
    assert store.claims.beat([Beat(second)]) == [Verdict.LOST]
    assert walk(store) == set()


def test_a_retry_repeats_only_what_is_missing(store: RecordStore) -> None:
    plan(store)
    first, second = store.claim(count=2).runs
    store.claims.finish(first, DONE)
    store.claims.fail(second, FAILURE, decision=GiveUp())
    store.intake.resubmit("film-a", "film", generation=1)
    plan(store)
    assert statuses(store) == ["succeeded", "queued", "queued"]
    runs = store.claim(count=9).runs
    assert [(run.task.generation, run.epoch) for run in runs] == [(2, 2), (2, 1)]
    for run in runs:
        store.claims.finish(run, DONE)
    assert store.claim_one().task.id == "film"


def test_a_retry_when_all_is_there_only_joins(store: RecordStore) -> None:
    plan(store)
    finish_all(store)
    store.claims.fail(store.claim_one(), FAILURE, decision=GiveUp())
    store.intake.resubmit("film-a", "film", generation=1)
    plan(store)
    assert (store.task("film").status, statuses(store)) == (Status.QUEUED, ["succeeded"] * 3)


def test_what_another_plan_has_cut_otherwise_is_made_anew(store: RecordStore) -> None:
    plan(store)
    finish_all(store)
    plan(store, REELS[0], Slice({"reel": "2b"}, 10.0))
    assert statuses(store) == ["succeeded", "queued"]
    assert walk(store) == set()
