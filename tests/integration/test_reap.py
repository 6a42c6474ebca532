"""Owners that are gone: what becomes of their runs, and of everybody else's."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from delivery_room import DeliveryRoom, cursor_of, kinds
from record_store import DONE, LEASE_MS, RecordStore, new_task, open_store

from orchestrator.adapters.linux_processes import LinuxProcesses
from orchestrator.adapters.redis.health import RedisHealth
from orchestrator.domain.delivery import DeliveryLost
from orchestrator.domain.errors import Category, StaleRun
from orchestrator.domain.lane import solo_lane
from orchestrator.domain.owner import Owner
from orchestrator.domain.task import Run, Status
from orchestrator.ports.claims import Beat
from orchestrator.ports.upkeep import Mended
from orchestrator.services.upkeep.reap_silent import ReapSilent
from orchestrator.services.workers.reap_gone import ReapGone
from orchestrator.telemetry import build_queue_metrics

SILENT_S = LEASE_MS / 2000
DEAD, ALIVE = Owner("node-1", 4711, 100), Owner("node-1", 4712, 200)
ELSEWHERE = Owner("node-2", 4711, 100)
NOTHING = Mended(0, 0, 0)


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        opened.tick(LEASE_MS // 1000)  # a keeper that has just started grants a grace
        yield opened


def claim(store: RecordStore, task_id: str, *, owner: Owner, beats: bool = True) -> Run:
    store.submit(new_task(task_id))
    (run,) = store.claim(owner=str(owner)).runs
    if beats:
        store.claims.beat([Beat(run)])
    return run


def test_an_owner_is_what_its_text_says() -> None:
    assert Owner.parse(str(DEAD)) == DEAD


class TestReap:
    def test_a_beaten_run_is_a_crash_and_its_task_ready_at_once(self, store: RecordStore) -> None:
        run = claim(store, "t", owner=DEAD)
        assert store.upkeep.reap(DEAD) == Mended(lapsed=1, released=0, crashed_out=0)
        task = store.task("t")
        assert (task.status, task.tries) == (Status.QUEUED, {Category.CRASH: 1})
        assert store.claim_one().epoch == run.epoch + 1

    def test_a_run_that_never_beat_is_released_and_counts_for_nothing(self, store: RecordStore) -> None:
        claim(store, "t", owner=DEAD, beats=False)
        assert store.upkeep.reap(DEAD) == Mended(lapsed=0, released=1, crashed_out=0)
        assert (store.task("t").status, store.task("t").tries) == (Status.QUEUED, {})
        assert store.reads.attempts("t") == ()

    def test_a_canceled_one_ends_as_canceled(self, store: RecordStore) -> None:
        claim(store, "t", owner=DEAD)
        store.intake.cancel("film-a", "t")
        store.upkeep.reap(DEAD)
        assert store.task("t").status is Status.CANCELED

    def test_the_third_crash_is_the_last(self, store: RecordStore) -> None:
        claim(store, "t", owner=DEAD)
        store.upkeep.reap(DEAD)
        for crashed_out in (0, 1):
            (run,) = store.claim(owner=str(DEAD), lane=solo_lane("io")).runs
            store.claims.beat([Beat(run)])
            assert store.upkeep.reap(DEAD).crashed_out == crashed_out
        task = store.task("t")
        assert (task.status, task.error and task.error.code) == (Status.FAILED, "crashed_repeatedly")

    def test_all_runs_of_the_owner_end_and_nobody_elses(self, store: RecordStore) -> None:
        for task_id in ("a", "b", "c"):
            claim(store, task_id, owner=DEAD)
        others = [claim(store, "d", owner=ALIVE), claim(store, "e", owner=ELSEWHERE)]
        assert store.upkeep.reap(DEAD).lapsed == 3
        for run in others:
            store.claims.finish(run, DONE)
        assert store.task("d").status is store.task("e").status is Status.SUCCEEDED

    def test_what_the_owner_says_afterwards_is_stale(self, store: RecordStore) -> None:
        run = claim(store, "t", owner=DEAD)
        store.upkeep.reap(DEAD)
        with pytest.raises(StaleRun):
            store.claims.finish(run, DONE)

    def test_repeating_it_changes_nothing(self, store: RecordStore) -> None:
        claim(store, "t", owner=DEAD)
        store.upkeep.reap(DEAD)
        before = store.dump()
        assert store.upkeep.reap(DEAD) == NOTHING
        assert store.dump() == before

    def test_the_share_of_the_project_is_settled(self, store: RecordStore) -> None:
        """A run of 1 s predicted that dies after 5 s has cost its project 5 s: the other is served first."""
        claim(store, "a", owner=DEAD)
        store.submit(new_task("a2"))
        store.pass_time(5_000)
        store.upkeep.reap(DEAD)
        store.submit(*(new_task(f"b{number}", project="film-b") for number in range(3)))
        assert [run.task.project for run in store.claim(count=3).runs] == ["film-b"] * 3


class TestReapSenders:
    """What a dead process was telling."""

    @pytest.fixture
    def room(self, store: RecordStore) -> DeliveryRoom:
        room = DeliveryRoom(store)
        room.run_to_end("t")
        room.run_to_end("u")
        return room

    def test_what_it_sent_is_another_s_at_once_from_where_it_was(self, room: DeliveryRoom) -> None:
        (sending,) = room.log.claim([f"{DEAD}/1"])
        room.log.advance(sending, cursor_of(sending.events[0]), said="200 OK")
        assert room.store.upkeep.reap(DEAD) == Mended(0, 0, 0, unsent=1)
        again = {found.delivery.task_id: found for found in room.claim(2)}[sending.delivery.task_id]
        assert kinds(again) == kinds(sending)[1:]
        assert again.delivery.tries == 0
        with pytest.raises(DeliveryLost):
            room.finish(sending)

    def test_what_others_send_is_theirs(self, room: DeliveryRoom) -> None:
        sendings = room.log.claim([f"{ALIVE}/1", f"{ELSEWHERE}/1"])
        assert room.store.upkeep.reap(DEAD) == NOTHING
        for sending in sendings:
            room.finish(sending)

    def test_who_only_sends_is_an_owner_of_its_node(self, room: DeliveryRoom) -> None:
        room.log.claim([f"{DEAD}/1", f"{ELSEWHERE}/1"])
        assert room.store.upkeep.owners("node-1") == (DEAD,)
        room.store.upkeep.reap(DEAD)
        assert room.store.upkeep.owners("node-1") == ()


class TestOwners:
    def test_they_are_the_processes_of_the_node_that_hold_runs(self, store: RecordStore) -> None:
        for task_id, owner in {"a": DEAD, "b": DEAD, "c": ALIVE, "d": ELSEWHERE}.items():
            claim(store, task_id, owner=owner)
        assert sorted(map(str, store.upkeep.owners("node-1"))) == [str(DEAD), str(ALIVE)]
        store.upkeep.reap(DEAD)
        assert store.upkeep.owners("node-1") == (ALIVE,)

    def test_a_node_whose_name_begins_alike_is_another(self, store: RecordStore) -> None:
        claim(store, "t", owner=Owner("node-12", 1, 1))
        assert store.upkeep.owners("node-1") == ()


class TestSilentNodes:
    """Silence is made of two things: no sign of the node, and no beat of the run."""

    def test_a_silent_run_of_a_silent_node_ends_long_before_its_lease(self, store: RecordStore) -> None:
        claim(store, "t", owner=DEAD)
        store.tick(int(SILENT_S) - 1)
        assert self.reap(store) == NOTHING
        store.tick(1)
        assert self.reap(store).lapsed == 1
        assert store.task("t").status is Status.QUEUED

    def test_a_node_that_signs_keeps_its_runs(self, store: RecordStore) -> None:
        claim(store, "t", owner=DEAD)
        store.tick(int(SILENT_S))
        RedisHealth(store.client).sign(f"node:{DEAD.node}", 1)
        assert self.reap(store) == NOTHING

    def test_a_run_that_beats_is_kept_though_its_node_does_not_sign(self, store: RecordStore) -> None:
        run = claim(store, "t", owner=DEAD)
        store.tick(int(SILENT_S))
        store.claims.beat([Beat(run)])
        assert self.reap(store) == NOTHING

    @pytest.mark.parametrize("seen", [True, False])
    def test_after_a_gap_nobody_is_silent_until_everybody_could_beat(self, store: RecordStore, *, seen: bool) -> None:
        """Whether reconcile has seen the gap already or not: both duties wake up at once after a pause of Redis."""
        claim(store, "t", owner=DEAD)
        store.pass_time(15_000)
        if seen:
            store.tick()
        assert self.reap(store) == NOTHING

    def reap(self, store: RecordStore) -> Mended:
        return store.upkeep.reap_silent(silent_s=SILENT_S, limit=100)


class TestReapGone:
    """The parent's own: the store says who holds runs here, /proc who lives."""

    def test_only_dead_processes_of_this_node_lose_their_runs(self, store: RecordStore) -> None:
        processes = LinuxProcesses()
        me = processes.this()
        for task_id, owner in {"mine": me, "gone": replace(me, start=1), "elsewhere": ELSEWHERE}.items():
            claim(store, task_id, owner=owner)
        metrics = build_queue_metrics()
        ReapGone(store.upkeep, processes, metrics.reconciled).tick()
        assert metrics.registry.get_sample_value("orchestrator_reconciled_total", {"find": "lapsed"}) == 1
        found = {task_id: store.task(task_id).status for task_id in ("mine", "gone", "elsewhere")}
        assert found == {"mine": Status.RUNNING, "gone": Status.QUEUED, "elsewhere": Status.RUNNING}


def test_the_duty_counts_what_it_found(store: RecordStore) -> None:
    metrics = build_queue_metrics()
    claim(store, "t", owner=DEAD)
    store.tick(int(SILENT_S))
    ReapSilent(store.upkeep, metrics.reconciled, SILENT_S).tick()
    assert metrics.registry.get_sample_value("orchestrator_reconciled_total", {"find": "lapsed"}) == 1
