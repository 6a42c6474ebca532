"""What is paused: nothing of it is claimed, nothing of it is lost, and nobody else notices."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from front_door import Bells
from record_store import DONE, FAILURE, START_MS, RecordStore, new_task, open_store, walk

from orchestrator.domain.errors import Category, Forbidden
from orchestrator.domain.lane import solo_lane
from orchestrator.domain.owner import Owner
from orchestrator.domain.pause import Pausable
from orchestrator.domain.retry import Again
from orchestrator.domain.task import NewTask, Run, Status
from orchestrator.ports.claims import Beat, Verdict
from orchestrator.ports.forecast import Place
from orchestrator.services.tasks.resume import ResumeWork
from orchestrator.services.upkeep.ring_lanes import RingLanes
from orchestrator.telemetry import build_queue_metrics

KINDS = ["lane:io", "project:film-a", "type:system.echo", "model:echo"]


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        yield opened


def pause(store: RecordStore, what: str) -> None:
    store.pauses.pause(Pausable.parse(what), by="key_1", reason="the disk is full", as_operator=True)


def resume(store: RecordStore, what: str) -> tuple[str, ...]:
    """The lanes that are rung."""
    bells = Bells()
    assert ResumeWork(store.pauses, bells).resume(Pausable.parse(what))
    return tuple(bells.rung)


def of_type(task: NewTask, name: str) -> NewTask:
    return replace(task, type=name)


def crash(store: RecordStore, run: Run) -> None:
    """From now on the task runs alone."""
    store.claims.beat([Beat(run)])
    store.upkeep.reap(Owner.parse(run.owner))


def ids_of(runs: tuple[Run, ...]) -> list[str]:
    return [run.task.id for run in runs]


@pytest.mark.parametrize("what", KINDS)
class TestWhateverIsPaused:
    def test_none_of_it_is_claimed_until_it_is_resumed_and_then_all_of_it_in_order(
        self, store: RecordStore, what: str
    ) -> None:
        store.submit(new_task("t1"), new_task("t2"))
        pause(store, what)
        store.submit(new_task("t3"))
        claimed = store.claim(count=3)
        assert (claimed.runs, claimed.more) == ((), False)
        assert walk(store) == set()
        assert resume(store, what) == ("io",)
        assert ids_of(store.claim(count=3).runs) == ["t1", "t2", "t3"], "at once, without any time passing"

    def test_what_runs_goes_on(self, store: RecordStore, what: str) -> None:
        store.submit(new_task("finishes"), new_task("waits"))
        run = store.claim_one()
        pause(store, what)
        assert store.claims.beat([Beat(run)]) == [Verdict.GO_ON]
        assert store.claims.claim("io", run.owner, run_ids=[run.run_id]).runs == (run,), "a repeated claim repeats"
        store.claims.finish(run, DONE)
        assert store.task("finishes").status is Status.SUCCEEDED
        assert store.claim().runs == ()

    def test_a_retry_that_comes_due_waits_as_well(self, store: RecordStore, what: str) -> None:
        store.submit(new_task("t"))
        store.claims.fail(store.claim_one(), FAILURE, decision=Again(1.0, counts=True))
        pause(store, what)
        store.tick(2)
        assert store.task("t").delayed_until_ms is None
        assert store.claim().runs == ()
        resume(store, what)
        assert store.claim_one().task.tries == {Category.NETWORK: 1}

    def test_the_keeper_rings_for_none_of_it(self, store: RecordStore, what: str) -> None:
        store.submit(new_task("t"), replace(new_task("film", project="film-b"), lane="video", type="b", model="b"))
        pause(store, what)
        bells, metrics = Bells(), build_queue_metrics()
        RingLanes(store.upkeep, bells, metrics).tick()
        assert bells.rung == ["video"]
        assert metrics.registry.get_sample_value("orchestrator_queue_paused", {"lane": "io"}) == 1

    def test_it_can_still_be_canceled_and_expires_in_time(self, store: RecordStore, what: str) -> None:
        store.submit(new_task("late", start_by_s=2), new_task("canceled"))
        pause(store, what)
        store.intake.cancel("film-a", "canceled")
        store.tick(3)
        assert [store.task(name).status for name in ("late", "canceled")] == [Status.FAILED, Status.CANCELED]

    def test_a_task_is_told_what_keeps_it(self, store: RecordStore, what: str) -> None:
        store.submit(new_task("t"))
        store.client.set("orch:alive:worker-io", "1")
        assert store.forecast.place(store.task("t")) == Place(0, 0.0)
        pause(store, what)
        assert store.forecast.place(store.task("t")) == Place(0, None, (what,))

    def test_tasks_that_run_alone_wait_as_well_and_nobody_yields_to_them(self, store: RecordStore, what: str) -> None:
        store.submit(new_task("crashed"))
        (run,) = store.claim(owner="node-1:1:1").runs
        crash(store, run)
        pause(store, what)
        store.pass_time(60_000)
        assert store.claim(lane=solo_lane("io")).runs == ()
        busy = store.claims.claim("io", "node-1:2:1", run_ids=["r"], yield_after_s=30)
        assert not busy.yields
        assert resume(store, what) == (solo_lane("io"),)
        assert ids_of(store.claim(lane=solo_lane("io")).runs) == ["crashed"]


class TestOthers:
    def test_a_paused_project_does_not_delay_another(self, store: RecordStore) -> None:
        store.submit(new_task("a"), new_task("b", project="film-b"))
        pause(store, "project:film-a")
        claimed = store.claim(count=2)
        assert (ids_of(claimed.runs), claimed.more) == (["b"], False)

    def test_a_flood_of_a_paused_type_hides_nothing_of_the_same_project_and_model(self, store: RecordStore) -> None:
        store.submit(*(new_task(f"t{number:03}") for number in range(150)), of_type(new_task("other"), "image.upscale"))
        pause(store, "type:system.echo")
        claimed = store.claim(count=2)
        assert (ids_of(claimed.runs), claimed.more) == (["other"], False)

    def test_many_paused_projects_hide_nobody(self, store: RecordStore) -> None:
        for number in range(400):
            store.submit(new_task(f"t{number:03}", project=f"film-{number:03}"))
            pause(store, f"project:film-{number:03}")
        store.submit(new_task("last", project="open"))
        claims = [ids_of(store.claim().runs) for _ in range(3)]
        assert ["last"] in claims

    def test_a_pool_is_a_lane_of_its_own(self, store: RecordStore) -> None:
        store.client.eval("redis.call('HSET', 'orch:project:film-a', 'pool', 'stage-1')", 0)
        store.submit(new_task("pinned"), new_task("t", project="film-b"))
        pause(store, "lane:io@stage-1")
        place = store.forecast.place(store.task("pinned"))
        assert place
        assert place.paused == ("lane:io@stage-1",)
        assert store.claim(lane="io@stage-1").runs == ()
        assert ids_of(store.claim().runs) == ["t"]
        assert resume(store, "lane:io@stage-1") == ("io@stage-1",)
        assert ids_of(store.claim(lane="io@stage-1").runs) == ["pinned"]

    def test_a_lane_is_not_the_other(self, store: RecordStore) -> None:
        store.submit(new_task("t"), replace(new_task("film"), lane="video"))
        pause(store, "lane:video")
        assert ids_of(store.claim().runs) == ["t"]
        assert store.claim(lane="video").runs == ()

    def test_who_was_paused_has_saved_up_no_turns(self, store: RecordStore) -> None:
        store.submit(*(new_task(f"a{number:02}") for number in range(20)))
        store.submit(*(new_task(f"b{number:02}", project="film-b") for number in range(30)))
        pause(store, "project:film-a")
        for run in store.claim(count=20).runs:
            store.claims.finish(run, replace(DONE, actual_s=1.0))
        resume(store, "project:film-a")
        served = [run.task.project for run in store.claim(count=8).runs]
        assert abs(served.count("film-a") - served.count("film-b")) <= 2

    def test_what_is_paused_twice_waits_for_both(self, store: RecordStore) -> None:
        store.submit(new_task("t"))
        for what in ("project:film-a", "type:system.echo"):
            pause(store, what)
        resume(store, "project:film-a")
        assert store.claim().runs == ()
        resume(store, "type:system.echo")
        assert ids_of(store.claim().runs) == ["t"]

    def test_the_wait_of_what_is_paused_alarms_nobody(self, store: RecordStore) -> None:
        store.submit(new_task("t"))
        store.pass_time(5_000)
        store.submit(new_task("b", project="film-b"))
        store.pass_time(1_000)
        pause(store, "project:film-a")
        (load,) = store.upkeep.load().lanes
        assert (load.ready, load.paused, load.oldest_wait_s) == (2, 1, 1.0)


class TestWhoMayAndSince:
    def test_it_is_known_who_did_it_when_and_why(self, store: RecordStore) -> None:
        pause(store, "lane:video")
        store.pass_time(5_000)
        again = store.pauses.pause(
            Pausable.parse("lane:video"), by="key_2", reason="two reasons: é, 'x'", as_operator=True
        )
        assert store.pauses.list() == (again,)
        assert (again.since_ms, again.by, again.reason) == (START_MS, "key_2", "two reasons: é, 'x'")

    def test_a_project_resumes_what_it_has_paused_itself(self, store: RecordStore) -> None:
        film = Pausable.parse("project:film-a")
        assert not store.pauses.pause(film, by="key_1", reason="", as_operator=False).by_operator
        assert store.pauses.resume(film, as_operator=False).pause
        assert store.pauses.list() == ()

    def test_a_project_neither_resumes_nor_takes_over_what_an_operator_has_paused(self, store: RecordStore) -> None:
        film = Pausable.parse("project:film-a")
        pause(store, str(film))
        theirs = store.pauses.pause(film, by="key_2", reason="mine", as_operator=False)
        assert (theirs.by, theirs.by_operator) == ("key_1", True)
        with pytest.raises(Forbidden):
            store.pauses.resume(film, as_operator=False)
        assert store.pauses.resume(film, as_operator=True).pause == theirs

    def test_what_is_not_paused_can_be_resumed_and_rings_nobody(self, store: RecordStore) -> None:
        store.submit(new_task("t"))
        bells = Bells()
        assert ResumeWork(store.pauses, bells).resume(Pausable.parse("lane:io")) is None
        assert bells.rung == []
