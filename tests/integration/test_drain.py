"""What one pulse does: slots filled and refilled from a real lane, and the ways in which a drain ends."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from record_store import DONE, RecordStore, new_task, open_store
from run_room import RunRoom
from structlog.testing import capture_logs
from worker_child import PATIENCE_S, QUICK, Child

from orchestrator.adapters.redis.claims import RedisClaims
from orchestrator.adapters.redis.connection import API, connect
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.task import Run, Status
from orchestrator.local.loopback import pick_ports
from orchestrator.services.runs.drain import Slots


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        yield opened


def finish(store: RecordStore) -> Callable[[Run], None]:
    return lambda run: store.claims.finish(run, DONE)


class TestSlots:
    def test_a_free_slot_claims_again_while_its_neighbour_runs(self, store: RecordStore) -> None:
        short_left, all_short_done = threading.Semaphore(3), threading.Event()

        def work(run: Run) -> None:
            if run.task.id == "a-long":
                assert all_short_done.wait(PATIENCE_S)
            elif not short_left.acquire(blocking=False):
                all_short_done.set()
            store.claims.finish(run, DONE)

        store.submit(new_task("a-long"), *(new_task(f"short-{number}") for number in range(4)))
        assert Child(store, work).drain() == 5
        assert store.task("a-long").status is Status.SUCCEEDED

    def test_a_run_that_is_over_at_once_leaves_its_slot_at_once(self, store: RecordStore) -> None:
        store.submit(*(new_task(f"t{number}") for number in range(10)))
        with Child(store, finish(store), Slots(count=1, poll_s=2 * PATIENCE_S, runs_per_drain=10)).draining():
            pass
        assert not store.claim().runs

    def test_no_more_run_at_once_than_there_are_slots(self, store: RecordStore) -> None:
        both_run = threading.Barrier(2, timeout=PATIENCE_S)
        most, running = 0, 0
        lock = threading.Lock()

        def work(run: Run) -> None:
            nonlocal most, running
            with lock:
                running += 1
                most = max(most, running)
            both_run.wait()
            with lock:
                running -= 1
            store.claims.finish(run, DONE)

        store.submit(*(new_task(f"t{number}") for number in range(6)))
        assert Child(store, work).drain() == 6
        assert most == 2

    def test_it_rings_before_it_runs_when_it_leaves_work_behind(self, store: RecordStore) -> None:
        store.submit(*(new_task(f"t{number}") for number in range(3)))
        child = Child(store, finish(store))
        child.drain()
        assert child.told[0] == "rings io"

    def test_it_rings_nobody_for_work_that_it_takes_itself(self, store: RecordStore) -> None:
        store.submit(*(new_task(f"t{number}") for number in range(2)))
        child = Child(store, finish(store))
        child.drain()
        assert sorted(child.told) == ["runs t0", "runs t1"]

    def test_a_bug_that_gets_out_frees_its_slot_and_is_logged(self, store: RecordStore) -> None:
        def work(run: Run) -> None:
            raise ZeroDivisionError(run.task.id)

        store.submit(*(new_task(f"t{number}") for number in range(3)))
        with capture_logs() as logs:
            assert Child(store, work).drain() == 3
        assert [line["event"] for line in logs] == ["run.escaped"] * 3


class TestEnds:
    def test_work_that_comes_before_the_lane_has_been_idle_is_taken_too(self, store: RecordStore) -> None:
        def work(run: Run) -> None:
            if run.task.id == "first":
                store.submit(new_task("second"))
            store.claims.finish(run, DONE)

        store.submit(new_task("first"))
        assert Child(store, work).drain() == 2

    def test_a_child_that_has_run_its_share_leaves_the_rest(self, store: RecordStore) -> None:
        store.submit(*(new_task(f"t{number}") for number in range(9)))
        share = Slots(count=1, idle_s=0.05, poll_s=0.01, runs_per_drain=3)
        child = Child(store, finish(store), share)
        assert child.drain() == 3
        assert child.told[-2:] == ["rings io", "runs t2"]
        assert len(store.claim(count=9).runs) == 6

    def test_a_child_that_is_spent_lets_its_runs_end_and_leaves_the_rest(self, store: RecordStore) -> None:
        ran: list[str] = []

        def work(run: Run) -> None:
            ran.append(run.task.id)
            store.claims.finish(run, DONE)

        store.submit(*(new_task(f"t{number}") for number in range(9)))
        count = Child(store, work, is_spent=lambda: len(ran) >= 3).drain()
        assert count == len(ran) < 9
        assert len(store.claim(count=9).runs) == 9 - count

    def test_a_run_that_is_stuck_keeps_nobody_from_leaving(self, store: RecordStore) -> None:
        neighbour_done, let_go = threading.Event(), threading.Event()

        def work(run: Run) -> None:
            if run.task.id == "hangs":
                child.stuck.add(run.run_id)
                let_go.wait(PATIENCE_S)
            else:
                store.claims.finish(run, DONE)
                neighbour_done.set()

        store.submit(new_task("hangs"), new_task("neighbour"), new_task("waits"))
        child = Child(store, work, is_spent=lambda: bool(child.stuck) and neighbour_done.is_set())
        with child.draining():
            pass
        assert store.task("neighbour").status is Status.SUCCEEDED
        let_go.set()

    def test_a_store_that_is_away_ends_it_like_an_idle_lane(self, store: RecordStore) -> None:
        with closing(connect(f"redis://127.0.0.1:{pick_ports(1)[0]}/0", API)) as nobody:
            child = Child(store, finish(store), claims=RedisClaims(Scripts(nobody), lease_ms=1_000))
            assert child.drain() == 0


class TestShutdown:
    def test_nothing_is_claimed_after_the_flag(self, store: RecordStore) -> None:
        store.submit(*(new_task(f"t{number}") for number in range(5)))
        child = Child(store, finish(store))
        child.stopping.set()
        assert child.drain() == 0
        assert len(store.claim(count=5).runs) == 5

    def test_what_ends_within_the_drain_time_is_finished(self, store: RecordStore, tmp_path: Path) -> None:
        room = RunRoom(store, tmp_path)
        child = Child(store, room.run, Slots(1, 0.05, 0.01, drain_s=PATIENCE_S))
        room.submit()
        room.engine.stall("echo")
        with child.draining():
            assert room.engine.wait_for_in_flight(1)
            child.stopping.set()
            room.engine.resume("echo")
        assert room.task.status is Status.SUCCEEDED

    def test_the_rest_is_released_and_counts_for_nothing(self, store: RecordStore, tmp_path: Path) -> None:
        room = RunRoom(store, tmp_path)
        child = Child(store, room.run, end_all=room.beats.end_all)
        room.submit()
        room.engine.stall("echo")
        with child.draining():
            assert room.engine.wait_for_in_flight(1)
            child.stopping.set()
        assert (room.task.status, room.task.tries, room.attempts) == (Status.QUEUED, {}, ())

    def test_waiting_for_the_last_runs_is_no_busy_loop(self, store: RecordStore, tmp_path: Path) -> None:
        room = RunRoom(store, tmp_path)
        child = Child(store, room.run, end_all=room.beats.end_all)
        room.submit()
        room.engine.stall("echo")
        with child.draining():
            assert room.engine.wait_for_in_flight(1)
            child.stopping.set()
            looks = child.looks
        assert child.looks - looks < 10 * QUICK.drain_s / QUICK.poll_s
