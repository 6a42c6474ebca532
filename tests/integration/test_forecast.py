"""What is predicted of tasks: their cost, learned from finished runs, and their wait. On the real scripts."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle, islice

import pytest
from broken_store import carry_out
from fair_lane import Lane
from record_store import DONE, LEASE_MS, RecordStore, new_task, no_fsync, open_store

from orchestrator.domain.cost import ENOUGH_RUNS, Cost, kind_of
from orchestrator.domain.errors import Category
from orchestrator.domain.limits import Quotas
from orchestrator.domain.retry import Again
from orchestrator.domain.task import Failure, Run, Status
from orchestrator.ports.forecast import Place
from orchestrator.ports.reads import TaskFilter

PRIOR_S = 7.0
ECHO = "system.echo"
ECHOES = kind_of(ECHO, "echo", source={})
FAILURE = Failure("no_answer", Category.NETWORK, "There was no answer.", retryable=True)


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with no_fsync(redis_url), open_store(redis_url) as opened:
        opened.tick(LEASE_MS // 1000)
        opened.client.set("orch:alive:worker-io", "1")
        yield opened


def run_many(store: RecordStore, seconds: float, *, runs: int, size_bytes: int | None = None) -> None:
    """Tasks that are submitted and done one after the other, in a lane that is idle between them."""
    source = {} if size_bytes is None else {"object": "o", "size_bytes": size_bytes}
    for _ in range(runs):
        name = f"done-{store.client.dbsize()}"
        store.submit(replace(new_task(name), input=source))
        store.claims.finish(store.claim_one(), replace(DONE, actual_s=seconds))


def cost(store: RecordStore, kind: str = ECHOES, *, lane: str = "io") -> Cost:
    return store.forecast.cost(lane, kind, prior_s=PRIOR_S)


class TestCost:
    def test_a_type_says_itself_what_it_costs_until_enough_of_it_have_run(self, store: RecordStore) -> None:
        run_many(store, 2.0, runs=ENOUGH_RUNS - 1)
        assert cost(store) == Cost(PRIOR_S)
        run_many(store, 2.0, runs=1)
        assert cost(store) == Cost(2.0, ENOUGH_RUNS)

    def test_kinds_are_types_and_sizes_to_a_factor_of_four(self, store: RecordStore) -> None:
        run_many(store, 1.0, runs=ENOUGH_RUNS, size_bytes=10_000)
        run_many(store, 9.0, runs=ENOUGH_RUNS, size_bytes=50_000)
        small, large = ({"size_bytes": size_bytes} for size_bytes in (9_999, 60_000))
        assert cost(store, kind_of(ECHO, "echo", source=small)).predicted_s == 1.0
        assert cost(store, kind_of(ECHO, "echo", source=large)).predicted_s == 9.0
        assert cost(store, kind_of("system.other", "echo", source=small)).runs == 0
        assert cost(store).runs == 0, "an input of unknown size is a kind of its own"

    def test_there_are_few_kinds_of_a_type(self) -> None:
        assert len({kind_of(ECHO, "echo", source={"size_bytes": 2**power}) for power in range(54)}) < 30

    def test_every_lane_has_its_own_costs(self, store: RecordStore) -> None:
        run_many(store, 2.0, runs=ENOUGH_RUNS)
        assert cost(store, lane="io@film-a").runs == 0

    def test_one_run_in_trouble_changes_little(self, store: RecordStore) -> None:
        run_many(store, 2.0, runs=40)
        run_many(store, 3_000.0, runs=1)
        assert cost(store).predicted_s < 2.0 * 1.25

    def test_another_model_is_soon_known_by_its_own_runs(self, store: RecordStore) -> None:
        run_many(store, 1.0, runs=200)
        run_many(store, 4.0, runs=100)
        assert cost(store).predicted_s == pytest.approx(4.0, rel=0.15)
        assert cost(store).runs == 50

    def test_what_took_no_time_is_not_free(self, store: RecordStore) -> None:
        run_many(store, 0.0, runs=ENOUGH_RUNS)
        assert cost(store).predicted_s == 0.001

    def test_a_run_that_failed_teaches_nothing(self, store: RecordStore) -> None:
        store.submit(new_task("t"))
        store.claims.fail(store.claim_one(), FAILURE, decision=Again(after_s=60, counts=True))
        assert store.client.hgetall("orch:pace:io") == {}

    def test_a_busy_lane_learns_as_an_idle_one_does(self, store: RecordStore) -> None:
        store.submit(*(new_task(f"t{number}") for number in range(ENOUGH_RUNS + 1)))
        for _ in range(ENOUGH_RUNS):
            store.pass_time(2_000)
            store.claims.finish(store.claim_one(), replace(DONE, actual_s=2.0))
        assert cost(store) == Cost(2.0, ENOUGH_RUNS)

    def test_it_is_asked_for_once_a_second_at_most(self, store: RecordStore) -> None:
        remembering = type(store.forecast)(store.scripts)
        assert remembering.cost("io", ECHOES, prior_s=PRIOR_S).runs == 0
        run_many(store, 2.0, runs=ENOUGH_RUNS)
        assert remembering.cost("io", ECHOES, prior_s=PRIOR_S).runs == 0


def place(store: RecordStore, task_id: str, *, project: str = "film-a") -> Place:
    found = store.forecast.place(store.task(task_id, project))
    assert found
    return found


class TestPlace:
    def test_the_work_ahead_counts_not_the_number_of_tasks(self, store: RecordStore) -> None:
        costs = [1.0, 30.0, 2.0]
        store.submit(*(replace(new_task(f"t{number}"), predicted_s=cost) for number, cost in enumerate(costs)))
        store.submit(new_task("z-last"))
        assert place(store, "t0") == Place(0, 0.0)
        assert place(store, "t2") == Place(2, 31.0)
        assert place(store, "z-last") == Place(3, 33.0)

    def test_so_does_the_work_for_other_models_and_what_cannot_run_does_not(self, store: RecordStore) -> None:
        store.submit(replace(new_task("other"), model="upscaler", predicted_s=30.0))
        store.submit(replace(new_task("held"), model="absent", predicted_s=99.0))
        carry_out(store, "SADD orch:held_back absent")
        store.pass_time(1)
        store.submit(new_task("z-mine"))
        assert place(store, "z-mine") == Place(0, 30.0)
        assert place(store, "held") == Place(0, None, away=("model:absent",)), "nobody knows when its model may run"

    def test_the_pace_of_the_lane_decides(self, store: RecordStore) -> None:
        """It gets four predicted seconds done in a second."""
        store.submit(*(replace(new_task(f"t{number:02}"), predicted_s=8.0) for number in range(30)))
        for _ in range(10):
            run = store.claim_one()
            store.pass_time(2_000)
            store.claims.finish(run, replace(DONE, actual_s=8.0))
        assert place(store, "t29").eta_s == pytest.approx(38.0, rel=0.01)

    def test_a_flood_of_others_is_ahead_only_as_far_as_they_are_served_first(self, store: RecordStore) -> None:
        lane = Lane(store)
        lane.fill("film-b", [10.0] * 200)
        lane.serve(5)
        store.submit(new_task("zz"))
        assert place(store, "zz") == Place(0, 0.0)
        lane.fill("film-a", [10.0] * 9)
        store.submit(new_task("z-last"))
        last = place(store, "z-last").eta_s
        assert last == pytest.approx(2 * 91.0, abs=15.0), "its own 91 s, and as much for the other"

    def test_weights_are_heeded_and_a_short_queue_of_others_is_not_taken_for_a_long_one(
        self, store: RecordStore
    ) -> None:
        lane = Lane(store)
        carry_out(store, "HSET orch:project:film-b weight 3")
        lane.fill("film-b", [1.0] * 300)
        lane.fill("film-a", [1.0] * 50)
        store.submit(new_task("z-last"))
        assert place(store, "z-last").eta_s == pytest.approx(4 * 50.0, abs=4.0)
        lane.fill("film-c", [1.0] * 10)
        lane.serve(1)
        assert place(store, "z-last").eta_s == pytest.approx(4 * 50.0 + 10.0, rel=0.25)

    def test_without_a_worker_nobody_can_tell(self, store: RecordStore) -> None:
        store.client.delete("orch:alive:worker-io")
        store.submit(new_task("t"))
        assert place(store, "t") == Place(0, None, no_worker="io")

    def test_nor_at_a_quota(self, redis_url: str) -> None:
        with open_store(redis_url, quotas=Quotas(max_running=1)) as store:
            store.client.set("orch:alive:worker-io", "1")
            store.submit(new_task("t1"), new_task("t2"))
            store.claim()
            store.claim()
            assert place(store, "t2") == Place(0, None)

    def test_what_waits_for_another_try_has_no_place(self, store: RecordStore) -> None:
        store.submit(new_task("t"))
        store.claims.fail(store.claim_one(), FAILURE, decision=Again(after_s=60, counts=True))
        assert store.forecast.place(store.task("t")) is None


class TestTruth:
    def test_tasks_start_about_when_it_was_said(self, store: RecordStore) -> None:
        """Three projects of different weight and cost, four slots; every prediction is made before any of it runs."""
        lane, weights, slots = Lane(store), {"film-a": 1, "film-b": 2, "film-c": 1}, 4
        costs = {"film-a": [1.0, 4.0], "film-b": [2.0], "film-c": [6.0, 0.5, 3.0]}
        for project, weight in weights.items():
            carry_out(store, f"HSET orch:project:{project} weight {weight}")
            lane.fill(project, list(islice(cycle(costs[project]), 60)))
        serve(store, slots=slots, runs=30)
        told = {task_id: eta for project in weights for task_id, eta in etas(store, project)}
        begun_ms, started = store.now_ms, serve(store, slots=slots, runs=120)
        errors = [
            abs((at_ms - begun_ms) / 1000 - told[task_id])
            for task_id, at_ms in started.items()
            if told.get(task_id, 0) >= 10
        ]
        assert len(errors) > 80
        longest_s = (max(started.values()) - begun_ms) / 1000
        assert sum(errors) / len(errors) < 0.1 * longest_s
        assert max(errors) < 0.25 * longest_s


def etas(store: RecordStore, project: str) -> Iterator[tuple[str, float]]:
    """Of every task of the project that is queued."""
    for task in store.reads.list(project, TaskFilter(status=Status.QUEUED), limit=100).items:
        yield task.id, place(store, task.id, project=project).eta_s or 0.0


def serve(store: RecordStore, *, slots: int, runs: int) -> dict[str, int]:
    """Let so many start, each as soon as a slot is free; when each did. Those that run at last are finished."""
    running: list[tuple[int, Run]] = []
    started: dict[str, int] = {}
    while len(started) < runs:
        if len(running) < slots:
            run = store.claim_one()
            started[run.task.id] = store.now_ms
            running.append((store.now_ms + int(run.task.predicted_s * 1000), run))
            continue
        running.sort(key=lambda each: each[0])
        finish_first(store, running)
    while running:
        finish_first(store, running)
    return started


def finish_first(store: RecordStore, running: list[tuple[int, Run]]) -> None:
    ends_ms, run = running.pop(0)
    store.pass_time(max(0, ends_ms - store.now_ms))
    store.claims.finish(run, replace(DONE, actual_s=run.task.predicted_s))
