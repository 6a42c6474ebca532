"""Projects that are pinned to a pool: where their tasks wait, on the real scripts."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from front_door import Bells
from record_store import DONE, FAILURE, LEASE_MS, RecordStore, new_task, open_store, walk

from orchestrator.adapters.redis.health import RedisHealth
from orchestrator.adapters.redis.lane_workers import RedisLaneWorkers
from orchestrator.adapters.redis.projects import RedisProjects
from orchestrator.domain.lane import label_lane, pool_lane, solo_lane
from orchestrator.domain.limits import LaneLimits, Quotas
from orchestrator.domain.overload import NotReady, QueueFull
from orchestrator.domain.project import Project
from orchestrator.domain.retry import Again
from orchestrator.ports.claims import Beat
from orchestrator.ports.lane_workers import NoWorker
from orchestrator.services.upkeep.ring_lanes import RingLanes
from orchestrator.telemetry import BoundedLabels, build_queue_metrics

POOLED = pool_lane("io", "stage-1")
MANY = 450


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        opened.tick(LEASE_MS // 1000)  # a keeper that has just started grants a grace
        for slug in ("film-a", "film-b"):
            RedisProjects(opened.scripts).create(Project(slug))
        yield opened


def pin(store: RecordStore, pool: str | None, *, project: str = "film-a") -> None:
    RedisProjects(store.scripts).change(project, {"pool": pool})


def pin_and_die(store: RecordStore, pool: str) -> None:
    """The project is pinned, and nobody moves what waits."""
    store.scripts.run("change_project", {"slug": "film-a", "pool": pool})


def waiting(store: RecordStore) -> Mapping[str, int]:
    """How many tasks are ready in each lane."""
    return {load.lane: load.ready for load in store.upkeep.load().lanes}


class TestPinned:
    def test_a_task_is_ready_in_the_lane_of_its_projects_pool_and_nowhere_else(self, store: RecordStore) -> None:
        pin(store, "stage-1")
        store.submit(new_task("t"))
        assert store.task("t").waits_in == POOLED
        assert not store.claim().runs
        (run,) = store.claim(lane=POOLED).runs
        store.claims.finish(run, DONE)
        assert walk(store) == set()

    def test_others_are_where_they_were(self, store: RecordStore) -> None:
        pin(store, "stage-1")
        store.submit(new_task("t", project="film-b"))
        assert waiting(store) == {"io": 1}
        assert store.task("t", "film-b").pool is None

    def test_projects_share_a_pool_by_their_weights(self, store: RecordStore) -> None:
        RedisProjects(store.scripts).change("film-b", {"weight": 3})
        for project in ("film-a", "film-b"):
            pin(store, "stage-1", project=project)
            store.submit(*(new_task(f"{project}-{n:02}", project=project) for n in range(12)))
        served = [run.task.project for run in store.claim(count=12, lane=POOLED).runs]
        assert served.count("film-b") == 9

    def test_what_comes_back_goes_where_its_project_is_pinned_by_then(self, store: RecordStore) -> None:
        store.submit(*(new_task(name) for name in ("again", "given-back", "lost", "crashed", "resubmitted")))
        runs = {run.task.id: run for run in store.claim(count=5).runs}
        store.claims.fail(runs["again"], FAILURE, decision=Again(after_s=1, counts=True))
        pin(store, "stage-1")
        store.claims.release(runs["given-back"])
        store.intake.cancel("film-a", "resubmitted")
        store.claims.stop(runs["resubmitted"])
        store.intake.resubmit("film-a", "resubmitted", generation=1)
        store.claims.beat([Beat(runs["crashed"])])
        store.tick(LEASE_MS // 1000)
        assert waiting(store) == {POOLED: 4, solo_lane(POOLED): 1}
        assert walk(store) == set()

    def test_a_run_is_settled_in_the_lane_that_it_was_charged_in(self, store: RecordStore) -> None:
        store.submit(*(new_task(f"t{n}", project=project) for n, project in enumerate(["film-a", "film-b", "film-b"])))
        (run,) = store.claim().runs
        pin(store, "stage-1")
        store.claims.finish(run, replace(DONE, actual_s=5.0))
        tags = {key: value for key, value in json.loads(store.dump()).items() if key.startswith("orch:tags:")}
        assert tags == {"orch:tags:io": ["film-a", "5"]}

    def test_quotas_hold_over_all_lanes(self, redis_url: str) -> None:
        with open_store(redis_url, quotas=Quotas(max_running=1)) as store:
            RedisProjects(store.scripts).create(Project("film-a"))
            store.submit(new_task("shared"))
            run = store.claim_one()
            pin(store, "stage-1")
            store.submit(new_task("pooled"))
            assert not store.claim(lane=POOLED).runs
            store.claims.finish(run, DONE)
            assert store.claim(lane=POOLED).runs

    def test_limits_of_a_lane_are_those_of_its_own(self, redis_url: str) -> None:
        with open_store(redis_url, lanes=LaneLimits(tasks=1)) as store:
            RedisProjects(store.scripts).create(Project("film-a", pool="stage-1"))
            store.submit(new_task("of-others", project="film-b"), new_task("t1"))
            with pytest.raises(QueueFull):
                store.submit(new_task("t2"))
            run = store.claim(lane=POOLED).runs[0]
            store.intake.cancel("film-a", "t1")
            store.claims.stop(run)
            store.submit(new_task("t3"))
            with pytest.raises(QueueFull):
                store.intake.resubmit("film-a", "t1", generation=1)

    def test_a_lane_that_must_have_a_worker_is_the_pools(self, redis_url: str) -> None:
        with open_store(redis_url, lanes=LaneLimits(need_worker=True)) as store:
            RedisProjects(store.scripts).create(Project("film-a", pool="stage-1"))
            store.client.set("orch:alive:worker-io", "1")
            with pytest.raises(NotReady, match=f"lane {POOLED} has no worker"):
                store.submit(new_task("t"))


class TestPinning:
    def test_what_waits_moves_at_its_rank(self, store: RecordStore) -> None:
        store.submit(*(new_task(f"t{n:03}") for n in range(MANY)), new_task("b", project="film-b"))
        pin(store, "stage-1")
        assert waiting(store) == {POOLED: MANY, "io": 1}
        assert [run.task.id for run in store.claim(count=3, lane=POOLED).runs] == ["t000", "t001", "t002"]
        assert walk(store) == set()

    def test_from_pool_to_pool_and_back(self, store: RecordStore) -> None:
        store.submit(new_task("t"))
        for pool in ("stage-1", "stage-2", "stage-2", None):
            pin(store, pool)
            assert waiting(store) == {pool_lane("io", pool): 1}
        assert walk(store) == set()

    def test_no_worker_of_the_old_lane_takes_what_was_not_moved_yet(self, store: RecordStore) -> None:
        store.submit(*(new_task(f"t{n:03}") for n in range(MANY)))
        pin_and_die(store, "stage-1")
        while waiting(store).get("io"):
            assert not store.claim().runs
        assert waiting(store) == {POOLED: MANY}
        assert walk(store) == set()

    def test_audit_moves_what_nobody_claims(self, store: RecordStore) -> None:
        store.submit(*(new_task(f"t{n:03}") for n in range(MANY)))
        pin_and_die(store, "stage-1")
        assert walk(store, limit=50) == set(), "to have been cut off is no fault of the store"
        assert waiting(store) == {POOLED: MANY}
        assert walk(store) == set()

    def test_the_same_change_again_goes_on(self, store: RecordStore) -> None:
        store.submit(new_task("t"))
        pin_and_die(store, "stage-1")
        pin(store, "stage-1")
        assert waiting(store) == {POOLED: 1}


class TestMetrics:
    def test_the_first_pools_have_series_of_their_own_and_the_others_share(self, store: RecordStore) -> None:
        bells, metrics, label = Bells(), build_queue_metrics(), BoundedLabels(most=1)

        def read(name: str, lane: str) -> float | None:
            return metrics.registry.get_sample_value(f"orchestrator_queue_{name}", {"lane": lane})

        assert label_lane(solo_lane(POOLED), label) == solo_lane(POOLED)
        assert label_lane("io@stage-2.solo", label) == "io@other.solo"
        assert label_lane("io.solo", label) == "io.solo"
        RedisProjects(store.scripts).create(Project("film-c", pool="stage-3"))
        for project, pool in (("film-a", "stage-1"), ("film-b", "stage-2")):
            pin(store, pool, project=project)
        store.submit(*(new_task(project, project=project) for project in ("film-a", "film-b", "film-c", "film-d")))
        sign_for(store, "io")
        RingLanes(store.upkeep, bells, metrics, label).tick()
        assert sorted(bells.rung) == ["io", "io@stage-1", "io@stage-2", "io@stage-3"]
        assert [read("ready", lane) for lane in ("io", POOLED, "io@other")] == [1, 1, 2]
        assert [read("no_worker", lane) for lane in ("io", POOLED, "io@other")] == [0, 1, 2]


class TestWorkers:
    @pytest.fixture
    def workers(self, store: RecordStore) -> RedisLaneWorkers:
        return RedisLaneWorkers(store.scripts, ("io", "image"))

    def test_a_lane_is_served_by_any_worker_that_signs_for_it(
        self, store: RecordStore, workers: RedisLaneWorkers
    ) -> None:
        assert not workers.serve(POOLED)
        sign_for(store, POOLED)
        assert workers.serve(POOLED)
        assert not workers.serve("io")

    def test_every_pool_that_a_project_is_pinned_to_should_have_one_in_some_lane(
        self, store: RecordStore, workers: RedisLaneWorkers
    ) -> None:
        workers.check()
        pin(store, "stage-1")
        pin(store, "stage-1", project="film-b")
        with pytest.raises(NoWorker, match=r"^pool stage-1 has no worker$"):
            workers.check()
        sign_for(store, "image@stage-1")
        workers.check()
        pin(store, "stage-2")
        with pytest.raises(NoWorker, match=r"^pool stage-2 has no worker$"):
            workers.check()
        pin(store, None)
        workers.check()

    def test_and_every_lane_in_which_tasks_wait(self, store: RecordStore, workers: RedisLaneWorkers) -> None:
        store.submit(new_task("t"), new_task("crashed"))
        with pytest.raises(NoWorker, match=r"^lane io has tasks and no worker$"):
            workers.check()
        store.claims.beat([Beat(run) for run in store.claim(count=2).runs])
        store.tick(LEASE_MS // 1000)
        with pytest.raises(NoWorker, match=r"^lane io has tasks and no worker$"):
            workers.check()
        sign_for(store, "io")
        workers.check()


def sign_for(store: RecordStore, lane: str) -> None:
    """As a worker of the lane does every two seconds."""
    RedisHealth(store.client).sign(f"worker-{lane}", 4711)
