"""Whose turn it is: fairness between projects, priorities, models held back; one key, one task."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from record_store import DONE, RecordStore, new_task, open_store

from orchestrator.domain.task import NewTask, Priority, Run


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        yield opened


def flood(count: int, project: str = "film-a") -> list[NewTask]:
    return [new_task(f"{project}-{number:03}", project=project) for number in range(count)]


def ids_of(runs: tuple[Run, ...]) -> list[str]:
    return [run.task.id for run in runs]


def finish_all(store: RecordStore, runs: tuple[Run, ...]) -> None:
    for run in runs:
        store.claims.finish(run, replace(DONE, actual_s=run.task.predicted_s))


class TestProjects:
    def test_a_flood_does_not_delay_another_project(self, store: RecordStore) -> None:
        store.submit(*flood(50))
        running = store.claim(count=4).runs
        store.submit(new_task("b", project="film-b"))
        finish_all(store, running)
        assert "b" in ids_of(store.claim(count=2).runs)

    def test_two_floods_share_a_lane_evenly(self, store: RecordStore) -> None:
        store.submit(*flood(20), *flood(20, "film-b"))
        projects = [run.task.project for run in store.claim(count=20).runs]
        assert abs(projects.count("film-a") - projects.count("film-b")) <= 1

    def test_a_project_with_dear_tasks_gets_fewer_turns(self, store: RecordStore) -> None:
        store.submit(*flood(20, "film-b"), *(replace(task, predicted_s=3.0) for task in flood(20)))
        projects = [run.task.project for run in store.claim(count=16).runs]
        assert projects.count("film-b") == 3 * projects.count("film-a")

    def test_a_run_that_took_longer_than_predicted_is_charged_for_it(self, store: RecordStore) -> None:
        store.submit(*flood(20), *flood(20, "film-b"))
        for run in store.claim(count=2).runs:
            store.claims.finish(run, replace(DONE, actual_s=9.0 if run.task.project == "film-a" else 1.0))
        assert {run.task.project for run in store.claim(count=8).runs} == {"film-b"}

    def test_the_history_of_an_idle_lane_is_forgotten(self, store: RecordStore) -> None:
        store.submit(*flood(20))
        finish_all(store, store.claim(count=20).runs)
        store.submit(*flood(4, "film-b"), *(replace(task, id=f"new-{task.id}") for task in flood(4)))
        projects = [run.task.project for run in store.claim(count=4).runs]
        assert projects.count("film-a") == 2

    def test_a_project_cannot_hoard_turns_by_being_idle(self, store: RecordStore) -> None:
        store.submit(*flood(40))
        finish_all(store, store.claim(count=20).runs)
        store.submit(*flood(20, "film-b"))
        projects = [run.task.project for run in store.claim(count=10).runs]
        assert projects.count("film-a") >= 4


class TestPriorities:
    def test_high_overtakes_normal_and_normal_overtakes_low(self, store: RecordStore) -> None:
        for priority in (Priority.LOW, Priority.NORMAL, Priority.HIGH):
            store.submit(replace(new_task(priority), priority=priority))
            store.pass_time(1)
        assert ids_of(store.claim(count=3).runs) == ["high", "normal", "low"]

    def test_low_is_not_starved_by_a_firehose_of_high_ones(self, store: RecordStore) -> None:
        """It is overtaken by what comes within 240 s after it, and by nothing else, however much that is."""
        store.submit(replace(new_task("a-low"), priority=Priority.LOW))
        for second in range(300):
            store.fill(replace(new_task(f"high-{second:03}-{n}"), priority=Priority.HIGH) for n in range(4))
            store.pass_time(1_000)
        served = ids_of(store.claim(count=300 * 4).runs)
        assert served.index("a-low") == 240 * 4

    def test_the_same_priority_is_first_come_first_served(self, store: RecordStore) -> None:
        for name in ("c", "a", "b"):
            store.submit(new_task(name))
            store.pass_time(1)
        assert ids_of(store.claim(count=3).runs) == ["c", "a", "b"]


class TestModelsHeldBack:
    def test_it_is_passed_over_and_nothing_else_is(self, store: RecordStore) -> None:
        store.submit(replace(new_task("held"), model="cold"), new_task("same-project"), new_task("b", project="film-b"))
        store.client.eval("redis.call('SADD', 'orch:held_back', 'cold')", 0)
        claimed = store.claim(count=3)
        assert sorted(ids_of(claimed.runs)) == ["b", "same-project"]
        assert not claimed.more

    def test_it_is_claimed_within_a_second_after_it_may_run(self, store: RecordStore) -> None:
        store.submit(replace(new_task("held"), model="cold"))
        store.client.eval("redis.call('SADD', 'orch:held_back', 'cold')", 0)
        assert store.claim().runs == ()
        store.client.eval("redis.call('SREM', 'orch:held_back', 'cold')", 0)
        store.pass_time(1_000)
        assert ids_of(store.claim().runs) == ["held"]


class TestClaim:
    def test_a_repeated_claim_hands_out_the_same_runs(self, store: RecordStore) -> None:
        store.submit(*flood(5))
        first = store.claims.claim("io", "worker-1", run_ids=["r1", "r2"])
        assert store.claims.claim("io", "worker-1", run_ids=["r1", "r2"]) == first

    def test_it_says_whether_more_could_run_now(self, store: RecordStore) -> None:
        store.submit(*flood(3))
        assert store.claim(count=2).more
        assert not store.claim(count=2).more

    def test_threads_never_claim_the_same_task(self, store: RecordStore) -> None:
        store.submit(*flood(60))
        with ThreadPoolExecutor(8) as pool:
            claims = list(pool.map(lambda _: store.claim(count=3), range(30)))
        claimed = [task_id for claim in claims for task_id in ids_of(claim.runs)]
        assert len(claimed) == len(set(claimed)) == 60

    def test_another_lane_is_not_touched(self, store: RecordStore) -> None:
        store.submit(new_task("t"))
        assert store.claim(lane="video").runs == ()


def test_one_key_makes_one_task_however_many_ask_at_once(store: RecordStore) -> None:
    asked = [new_task(f"t{number}", key="k") for number in range(50)]
    with ThreadPoolExecutor(16) as pool:
        receipts = list(pool.map(store.intake.submit, asked))
    assert len({receipt.task_id for receipt in receipts}) == 1
    assert sum(not receipt.replayed for receipt in receipts) == 1
    assert len(store.claim(count=50).runs) == 1
