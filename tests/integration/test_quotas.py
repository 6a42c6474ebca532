"""Quotas of a project: what runs at once and by the hour, what is queued, what is kept. On the real scripts."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from record_store import DONE, FAILURE, LEASE_MS, RETENTION_MS, RecordStore, new_task, no_fsync, open_store

from orchestrator.adapters.redis.projects import RedisProjects
from orchestrator.domain.limits import Quotas
from orchestrator.domain.overload import QuotaExceeded
from orchestrator.domain.owner import Owner
from orchestrator.domain.retry import Again, GiveUp
from orchestrator.domain.task import Artifact, Run, Status
from orchestrator.ports.claims import Beat

OWNER = Owner("node-1", 1, 1)
HOUR_S = 3_600


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with no_fsync(redis_url), open_store(redis_url) as opened:
        opened.tick(LEASE_MS // 1000)
        yield opened


def allow(store: RecordStore, project: str = "film-a", **limits: object) -> None:
    for name, limit in limits.items():
        store.client.eval("redis.call('HSET', unpack(ARGV))", 0, f"orch:project:{project}", name, str(limit))


def submit(store: RecordStore, *names: str, project: str = "film-a", lane: str = "io") -> None:
    store.submit(*(replace(new_task(name, project=project), lane=lane) for name in names))


def claimed(store: RecordStore, *, count: int = 5, lane: str = "io") -> list[str]:
    return [run.task.id for run in store.claim(count=count, lane=lane, owner=str(OWNER)).runs]


ENDINGS: Mapping[str, Callable[[RecordStore, Run], object]] = {
    "finish": lambda store, run: store.claims.finish(run, DONE),
    "fail": lambda store, run: store.claims.fail(run, FAILURE, decision=GiveUp()),
    "fail and wait": lambda store, run: store.claims.fail(run, FAILURE, decision=Again(after_s=60, counts=True)),
    "release": lambda store, run: store.claims.release(run),
    "stop": lambda store, run: store.claims.stop(run),
    "crash": lambda store, run: store.claims.beat([Beat(run)]) and store.upkeep.reap(OWNER),
    "lapse": lambda store, _run: store.tick(LEASE_MS // 1000),
}


class TestRunning:
    def test_no_more_are_handed_out_than_may_run_and_the_others_go_on(self, store: RecordStore) -> None:
        allow(store, max_running=2)
        submit(store, "a1", "a2", "a3")
        submit(store, "b1", "b2", "b3", project="film-b")
        claim = store.claim(count=6)
        assert sorted(run.task.id for run in claim.runs) == ["a1", "a2", "b1", "b2", "b3"]
        assert not claim.more

    @pytest.mark.parametrize("ending", ENDINGS)
    def test_the_script_that_ends_a_run_puts_the_project_back(self, store: RecordStore, ending: str) -> None:
        allow(store, max_running=1)
        submit(store, "t1", "t2")
        (run,) = store.claim(count=2, owner=str(OWNER)).runs
        assert claimed(store) == []
        ENDINGS[ending](store, run)
        assert len(claimed(store)) == 1

    def test_one_quota_holds_in_all_lanes(self, store: RecordStore) -> None:
        allow(store, max_running=1)
        submit(store, "t1", "t2")
        submit(store, "film", lane="video")
        (run,) = store.claim().runs
        assert claimed(store, lane="video") == []
        assert claimed(store) == []
        store.claims.finish(run, DONE)
        assert claimed(store, lane="video") == ["film"]
        assert claimed(store) == []

    def test_a_submit_does_not_put_it_back(self, store: RecordStore) -> None:
        allow(store, max_running=1)
        submit(store, "t1", "t2")
        assert claimed(store) == ["t1"]
        where = "return redis.call('ZSCORE', 'orch:turn:io', 'film-a')"
        parked = store.client.eval(where, 0)
        submit(store, "t3")
        assert store.client.eval(where, 0) == parked

    def test_a_raised_quota_holds_at_once(self, store: RecordStore) -> None:
        projects = RedisProjects(store.scripts)
        projects.ensure("film-a")
        projects.change("film-a", {"max_running": 1})
        submit(store, "t1", "t2", "t3")
        assert claimed(store) == ["t1"]
        projects.change("film-a", {"max_running": 2})
        assert claimed(store) == ["t2"]

    def test_one_that_was_raised_behind_our_back_is_noticed_in_five_seconds(self, store: RecordStore) -> None:
        allow(store, max_running=1)
        submit(store, "t1", "t2")
        assert claimed(store) == ["t1"]
        allow(store, max_running=2)
        store.pass_time(5_000)
        assert claimed(store) == ["t2"]

    @pytest.mark.parametrize(("took_s", "served_of_20"), [(10.0, (10, 11)), (60.0, (0,))])
    def test_waiting_at_the_quota_neither_saves_up_turns_nor_lets_off_debts(
        self, store: RecordStore, took_s: float, served_of_20: tuple[int, ...]
    ) -> None:
        """While it waits another project is served for 20 s."""
        allow(store, max_running=1)
        store.fill(new_task(f"a{number:03}") for number in range(100))
        store.fill(new_task(f"b{number:03}", project="film-b") for number in range(100))
        (first,) = (run for run in store.claim(count=2).runs if run.task.project == "film-a")
        meanwhile = [run.task.project for run in store.claim(count=20).runs]
        assert meanwhile == ["film-b"] * 20
        store.claims.finish(first, replace(DONE, actual_s=took_s))
        served = []
        for _ in range(20):
            (run,) = store.claim().runs
            served.append(run.task.project)
            store.claims.finish(run, DONE)
        assert served.count("film-a") in served_of_20

    def test_a_default_holds_for_those_that_name_none(self, redis_url: str) -> None:
        with open_store(redis_url, quotas=Quotas(max_running=1)) as store:
            allow(store, "film-b", max_running=2)
            submit(store, "a1", "a2")
            submit(store, "b1", "b2", "b3", project="film-b")
            assert sorted(claimed(store)) == ["a1", "b1", "b2"]

    def test_threads_never_run_more(self, store: RecordStore) -> None:
        allow(store, max_running=3)
        store.fill(new_task(f"t{number:03}") for number in range(60))
        peaks = []

        def work(_number: int) -> None:
            for run in store.claim(count=2).runs:
                peaks.append(store.client.eval("return redis.call('SCARD', 'orch:running:film-a')", 0))
                store.claims.finish(run, DONE)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(60)))
        assert {3} <= set(peaks) <= {1, 2, 3}


class TestQueued:
    def test_one_more_is_refused_and_told_when_to_come_again(self, store: RecordStore) -> None:
        allow(store, max_queued=2)
        submit(store, "t1", "t2")
        with pytest.raises(QuotaExceeded, match="2 tasks queued") as refused:
            submit(store, "t3")
        assert refused.value.code == "quota_exceeded"
        assert refused.value.retry_after_s >= 1
        submit(store, "b", project="film-b")

    def test_a_refusal_is_not_the_answer_to_its_key(self, store: RecordStore) -> None:
        allow(store, max_queued=1)
        store.submit(new_task("t1", key="k1"))
        with pytest.raises(QuotaExceeded):
            store.submit(new_task("t2", key="k2"))
        assert store.intake.submit(new_task("another", key="k1")).task_id == "t1"
        store.claim()
        assert not store.intake.submit(new_task("t2", key="k2")).replayed

    def test_what_waits_for_another_try_counts_and_is_never_refused(self, store: RecordStore) -> None:
        allow(store, max_queued=1)
        submit(store, "t1")
        run = store.claim_one()
        submit(store, "t2")
        store.claims.fail(run, FAILURE, decision=Again(after_s=60, counts=True))
        store.intake.cancel("film-a", "t2")
        with pytest.raises(QuotaExceeded):
            submit(store, "t3")
        assert store.task("t1").status is Status.QUEUED

    def test_a_clients_retry_is_refused_and_leaves_the_task_as_it_was(self, store: RecordStore) -> None:
        allow(store, max_queued=1)
        submit(store, "t1")
        store.intake.cancel("film-a", "t1")
        submit(store, "t2")
        before = store.dump()
        with pytest.raises(QuotaExceeded):
            store.intake.resubmit("film-a", "t1", generation=1)
        assert store.dump() == before


class TestKept:
    def finish(self, store: RecordStore, name: str, *, size_bytes: int) -> None:
        submit(store, name)
        artifact = Artifact("a", f"projects/film-a/tasks/{name}/a", "image/png", size_bytes, "ab12")
        store.claims.finish(store.claim_one(), replace(DONE, outputs=(artifact, artifact)))

    def test_a_project_that_keeps_too_much_must_wait_until_some_is_gone(self, store: RecordStore) -> None:
        allow(store, max_bytes=1_000)
        self.finish(store, "t1", size_bytes=499)
        self.finish(store, "t2", size_bytes=1)
        with pytest.raises(QuotaExceeded, match="1000 bytes"):
            submit(store, "t3")
        store.pass_time(RETENTION_MS)
        store.upkeep.condemn(limit=1)
        store.upkeep.purge("t1")
        submit(store, "t3")


class TestGpuSecondsByTheHour:
    def spend(self, store: RecordStore, seconds: float) -> None:
        run = store.claim_one()
        store.claims.finish(run, replace(DONE, actual_s=seconds))

    def test_nothing_more_starts_until_the_hour_has_moved_on(self, store: RecordStore) -> None:
        allow(store, gpu_s_per_hour=100)
        submit(store, "t1", "t2", "t3")
        self.spend(store, 60)
        self.spend(store, 60)
        assert claimed(store) == []
        store.pass_time(HOUR_S * 1000)
        assert claimed(store) == []
        store.pass_time(HOUR_S * 1000 // 4)
        assert claimed(store) == ["t3"]

    def test_what_runs_counts_as_predicted(self, store: RecordStore) -> None:
        allow(store, gpu_s_per_hour=5)
        submit(store, *(f"t{number}" for number in range(9)))
        assert len(claimed(store, count=9)) == 5

    def test_a_run_that_took_less_than_predicted_makes_room_at_once(self, store: RecordStore) -> None:
        allow(store, gpu_s_per_hour=1)
        submit(store, "t1", "t2")
        run = store.claim_one()
        assert claimed(store) == []
        store.claims.finish(run, replace(DONE, actual_s=0.5))
        assert claimed(store) == ["t2"]

    def test_in_no_hour_does_it_use_much_more(self, store: RecordStore) -> None:
        """Seconds of each minute of three hours, always wanting more; no sixty in a row exceed it by over a tenth."""
        allow(store, gpu_s_per_hour=120)
        store.fill(new_task(f"t{number:04}") for number in range(700))
        used = []
        for _minute in range(180):
            runs = store.claim(count=20).runs
            for run in runs:
                store.claims.finish(run, DONE)
            used.append(len(runs))
            store.pass_time(60_000)
        assert max(sum(used[start : start + 60]) for start in range(120)) <= 132
        assert sum(used) >= 300
