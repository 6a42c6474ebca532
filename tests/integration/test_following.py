"""`dedupe: content`: the same work is done once, and everyone who asked for it gets it (ADR 0031)."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from following_room import FILE, LEASE_S, MADE, POISON, begin, same, statuses
from record_store import DONE, FAILURE, RecordStore, new_task, open_store, walk

from orchestrator.domain.errors import Category, StaleRun
from orchestrator.domain.limits import LaneLimits, Quotas
from orchestrator.domain.overload import QuotaExceeded
from orchestrator.domain.retry import POLICIES, Again, GiveUp
from orchestrator.domain.task import Failure, Priority, Progress, Run, Status
from orchestrator.ports.claims import Beat, Verdict

HALF = Progress("infer", 0.5, 1, 2)
LOST_INPUT = Failure("input_changed", Category.INVALID_INPUT, "It has changed.")


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        opened.tick(LEASE_S)
        yield opened


def story(store: RecordStore, task_id: str) -> list[str]:
    return [event.type for event in store.reads.events(task_id)]


def crash(store: RecordStore) -> Run:
    """A run that beats and is never heard of again."""
    run = store.claim_one()
    store.claims.beat([Beat(run)])
    store.tick(LEASE_S)
    return run


class TestFollowing:
    def test_one_runs_and_all_end_with_what_it_made(self, store: RecordStore) -> None:
        run = begin(store, "first", "second", "third")
        store.claims.finish(run, MADE)
        for task_id in ("second", "third"):
            task, leader = store.task(task_id), store.task("first")
            assert (task.status, task.outputs, task.result) == (Status.SUCCEEDED, (FILE,), leader.result)
            assert (task.follows, task.epoch, task.usage) == ("first", 0, {})
            assert story(store, task_id) == ["queued", "running", "output", "succeeded"]
        assert walk(store) == set()

    def test_one_that_comes_during_the_run_starts_at_once(self, store: RecordStore) -> None:
        begin(store, "first")
        store.submit(same("second"))
        assert store.task("second").status is Status.RUNNING
        assert walk(store) == set()

    def test_one_that_comes_after_the_end_has_ended(self, store: RecordStore) -> None:
        store.claims.finish(begin(store, "first"), MADE)
        store.submit(same("late"))
        assert (store.task("late").status, store.task("late").outputs) == (Status.SUCCEEDED, (FILE,))
        assert story(store, "late") == ["queued", "output", "succeeded"]
        assert walk(store) == set()

    def test_progress_and_tries_are_those_of_the_run(self, store: RecordStore) -> None:
        run = begin(store, "first", "second")
        store.claims.beat([Beat(run, HALF)])
        assert store.task("second").progress == HALF
        store.claims.fail(run, FAILURE, decision=Again(after_s=1, counts=True))
        assert statuses(store, "first", "second") == ["queued", "queued"]
        assert walk(store) == set()
        store.tick(1)
        store.claims.finish(store.claim_one(), DONE)
        assert story(store, "second") == ["queued", "running", "queued", "running", "succeeded"]

    def test_of_another_content_or_project_or_without_a_wish_it_runs_itself(self, store: RecordStore) -> None:
        begin(store, "first")
        store.submit(same("b", project="film-b"), same("other", content="bad"), new_task("plain"))
        assert {run.task.id for run in store.claim(count=5).runs} == {"b", "other", "plain"}

    def test_a_hundred_follow_and_the_next_one_leads(self, store: RecordStore) -> None:
        run = begin(store, "first")
        store.submit(*(same(f"t{number:03}") for number in range(102)))
        assert [claimed.task.id for claimed in store.claim(count=5).runs] == ["t100"]
        assert store.task("t101").follows == "t100"
        store.claims.finish(run, DONE)
        assert store.task("t099").status is Status.SUCCEEDED
        assert walk(store, limit=50) == set()

    def test_a_leader_is_as_urgent_as_its_most_urgent_follower(self, store: RecordStore) -> None:
        store.submit(same("first"))
        store.pass_time(1)
        store.submit(new_task("between"), replace(same("high"), priority=Priority.HIGH))
        store.submit(replace(new_task("high-too"), priority=Priority.HIGH))
        assert [run.task.id for run in store.claim(count=3).runs] == ["first", "high-too", "between"]
        assert walk(store) == set()


class TestFailure:
    def test_what_fails_for_its_content_fails_for_all_and_is_not_repeated(self, store: RecordStore) -> None:
        store.claims.fail(begin(store, "first", "second", "third"), POISON, decision=GiveUp())
        assert statuses(store, "first", "second", "third") == ["failed"] * 3
        assert store.task("third").error == POISON
        assert store.claim(count=5).runs == ()
        assert walk(store) == set()

    def test_a_poison_crashes_three_workers_and_no_more(self, store: RecordStore) -> None:
        store.submit(same("first"), same("second"))
        for _ in range(POLICIES[Category.CRASH].tries):
            crash(store)
        assert statuses(store, "first", "second") == ["failed", "failed"]
        assert walk(store) == set()

    def test_nor_when_it_is_canceled_in_between(self, store: RecordStore) -> None:
        store.submit(same("first"), same("second"), same("third"))
        crash(store)
        crash(store)
        store.intake.cancel("film-a", "first")
        assert store.task("second").solo
        assert crash(store).task.id == "second"
        assert statuses(store, "first", "second", "third") == ["canceled", "failed", "failed"]

    @pytest.mark.parametrize("how", ["its copy is another", "it came too late"])
    def test_what_is_the_leaders_own_fault_is_not_the_followers(self, store: RecordStore, how: str) -> None:
        store.submit(replace(same("first"), start_by_s=2), same("second"), same("third"))
        if how == "it came too late":
            store.tick(2)
        else:
            store.claims.fail(store.claim_one(), LOST_INPUT, decision=GiveUp())
        assert statuses(store, "first", "second", "third") == ["failed", "queued", "queued"]
        assert walk(store) == set()
        run = store.claim_one()
        assert (run.task.id, store.task("third").follows) == ("second", "second")
        store.submit(same("fourth"))
        store.claims.finish(run, MADE)
        assert statuses(store, "second", "third", "fourth") == ["succeeded"] * 3

    def test_a_follower_has_a_deadline_of_its_own_until_the_run_begins(self, store: RecordStore) -> None:
        store.submit(same("first"), replace(same("late"), start_by_s=2), replace(same("later"), start_by_s=9))
        store.tick(2)
        run = store.claim_one()
        store.tick(9)
        assert statuses(store, "first", "late", "later") == ["running", "failed", "running"]
        assert store.claims.beat([Beat(run)]) == [Verdict.GO_ON]
        assert walk(store) == set()

    def test_a_retry_of_a_failed_one_leads_and_the_others_follow_it(self, store: RecordStore) -> None:
        store.claims.fail(begin(store, "first", "second", "third"), POISON, decision=GiveUp())
        for task_id in ("second", "first"):
            store.intake.resubmit("film-a", task_id, generation=1)
        assert (store.task("second").follows, store.task("first").follows) == (None, "second")
        store.claims.finish(store.claim_one(), DONE)
        assert statuses(store, "first", "second", "third") == ["succeeded", "succeeded", "failed"]
        assert walk(store) == set()


class TestCancel:
    def test_of_a_follower_detaches_it(self, store: RecordStore) -> None:
        run = begin(store, "first", "second", "third")
        assert store.intake.cancel("film-a", "second").status is Status.CANCELED
        assert store.claims.beat([Beat(run)]) == [Verdict.GO_ON]
        store.claims.finish(run, DONE)
        assert statuses(store, "first", "second", "third") == ["succeeded", "canceled", "succeeded"]
        assert walk(store) == set()

    def test_of_a_leader_that_waits_lets_the_first_follower_take_over(self, store: RecordStore) -> None:
        store.submit(same("first"), same("second"), same("third"))
        assert store.intake.cancel("film-a", "first").status is Status.CANCELED
        assert walk(store) == set()
        run = store.claim_one()
        assert run.task.id == "second"
        store.claims.finish(run, DONE)
        assert statuses(store, "second", "third") == ["succeeded", "succeeded"]

    def test_of_a_leader_that_runs_does_not_stop_what_others_want(self, store: RecordStore) -> None:
        run = begin(store, "first", "second")
        assert store.intake.cancel("film-a", "first").is_canceling
        assert store.claims.beat([Beat(run)]) == [Verdict.GO_ON]
        store.submit(same("third"))
        assert store.task("third").follows is None, "what is to be canceled gets no more followers"
        store.claims.finish(run, DONE)
        assert statuses(store, "first", "second") == ["succeeded", "succeeded"]

    def test_when_nobody_wants_it_any_more_the_run_is_stopped(self, store: RecordStore) -> None:
        run = begin(store, "first", "second")
        store.intake.cancel("film-a", "first")
        store.intake.cancel("film-a", "second")
        assert store.claims.beat([Beat(run)]) == [Verdict.STOP]
        store.claims.stop(run)
        assert statuses(store, "first", "second") == ["canceled", "canceled"]
        assert walk(store) == set()

    @pytest.mark.parametrize("how", ["release", "lapse"])
    def test_a_canceled_leader_whose_run_is_lost_hands_over(self, store: RecordStore, how: str) -> None:
        run = begin(store, "first", "second", "third")
        store.intake.cancel("film-a", "first")
        store.claims.release(run) if how == "release" else store.tick(LEASE_S)
        assert statuses(store, "first", "second", "third") == ["canceled", "queued", "queued"]
        assert walk(store) == set()
        with pytest.raises(StaleRun):
            store.claims.finish(run, DONE)
        store.claims.finish(store.claim_one(), DONE)
        assert statuses(store, "second", "third") == ["succeeded", "succeeded"]


class TestQuotas:
    def test_a_follower_waits_like_any_task_and_costs_no_gpu_seconds(self, redis_url: str) -> None:
        quotas = Quotas(max_queued=2, max_running=1, gpu_s_per_hour=1.5)
        with open_store(redis_url, quotas=quotas, lanes=LaneLimits(tasks=1)) as store:
            store.submit(same("first"), same("second"))
            with pytest.raises(QuotaExceeded):
                store.submit(same("third"))
            run = store.claim_one()
            store.submit(same("third"))
            store.claims.finish(run, DONE)
            store.submit(new_task("next"))
            assert [run.task.id for run in store.claim(count=2).runs] == ["next"], "one second is charged, not three"
            assert walk(store) == set()
