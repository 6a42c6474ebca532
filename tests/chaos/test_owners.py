"""Children that die or hang with runs in their hands: what comes back at once, and who does not notice.

Where the lease is long, whatever comes back soon did not wait for it.
"""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hanging_worker import GROWS, HANGS_IN_C, HANGS_IN_PYTHON
from processes import is_alive, wait_for
from verdict import assert_sound, attempts, crashes, held_by, status_of
from worker_room import WorkerRoom, worker_room

pytestmark = pytest.mark.timeout(120)

# On a calm machine half a second, which the properties of the suite tell; a busy one forks, and makes clients, slowly.
FREED_WITHIN_S = 15.0
AGAIN_WITHIN_S = 25.0
SHORT_LEASE_S = 3.0
SLOTS = 16

Recorder = Callable[[str, object], None]


@pytest.fixture
def room(redis_url: str, tmp_path: Path) -> Iterator[WorkerRoom]:
    with worker_room(redis_url, tmp_path, WORKER__LEASE="PT60S") as room:
        yield room


@pytest.fixture
def hasty_room(redis_url: str, tmp_path: Path) -> Iterator[WorkerRoom]:
    with worker_room(redis_url, tmp_path, WORKER__LEASE=f"PT{SHORT_LEASE_S:.0f}S") as room:
        yield room


class TestDeath:
    def test_fault_02_what_a_killed_child_ran_is_free_at_once(
        self, room: WorkerRoom, record_testsuite_property: Recorder
    ) -> None:
        ids = room.submit(SLOTS + 3, delay_ms=3000)
        room.await_running(ids, children=2)
        (victim, its), (other, others) = sorted(held_by(room.store).items(), key=lambda held: len(held[1]))
        killed_at = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: {crashes(room.store, task_id) for task_id in its} == {1})
        record_testsuite_property("fault 2: free after, s", freed_s := time.monotonic() - killed_at)
        wait_for(lambda: any(room.read(task_id, "epoch") == "2" for task_id in its))
        record_testsuite_property("fault 2: runs again after, s", again_s := time.monotonic() - killed_at)
        assert freed_s < FREED_WITHIN_S
        assert again_s < AGAIN_WITHIN_S
        assert is_alive(other)
        assert is_alive(room.parent)
        room.await_all(ids, within_s=60)
        assert_sound(room.store, ids)
        assert {len(attempts(room.store, task_id)) for task_id in its} == {2}
        assert {len(attempts(room.store, task_id)) for task_id in others} == {1}
        assert room.scratch_of(victim) == []

    def test_fault_01_a_worker_that_starts_frees_what_its_predecessor_held(
        self, room: WorkerRoom, record_testsuite_property: Recorder
    ) -> None:
        ids = room.submit(4, delay_ms=2000)
        room.await_running(ids)
        os.killpg(room.parent, signal.SIGKILL)
        with room.running("successor") as successor:
            room.await_ready(successor.pid)
            ready_at = time.monotonic()
            wait_for(lambda: {crashes(room.store, task_id) for task_id in ids} == {1})
            record_testsuite_property("fault 1: free after the start, s", freed_s := time.monotonic() - ready_at)
            assert freed_s < FREED_WITHIN_S
            room.await_all(ids, within_s=60)
        assert_sound(room.store, ids)

    def test_a_canceled_run_of_a_dead_child_ends_as_canceled(self, room: WorkerRoom) -> None:
        (task_id,) = room.submit(1, delay_ms=60_000)
        room.await_running([task_id])
        (victim,) = held_by(room.store)
        os.kill(victim, signal.SIGSTOP)  # it cannot hear of the cancel
        room.cancel(task_id)
        os.kill(victim, signal.SIGKILL)
        room.await_all([task_id], within_s=FREED_WITHIN_S)
        assert status_of(room.store, task_id) == "canceled"


class TestSilence:
    @pytest.mark.slow
    def test_fault_37_a_child_that_hangs_in_c_is_killed_after_a_lease_and_nobody_else(
        self, hasty_room: WorkerRoom, record_testsuite_property: Recorder
    ) -> None:
        """It holds the interpreter's lock: none of its threads can beat, or tell that they cannot."""
        room = hasty_room
        neighbours = room.submit(SLOTS, delay_ms=25_000)
        room.await_running(neighbours)
        (healthy,) = held_by(room.store)
        (poison,) = room.submit(1, size_bytes=HANGS_IN_C)
        wait_for(lambda: len(held_by(room.store)) == 2)
        hung_at = time.monotonic()
        (hung,) = held_by(room.store).keys() - {healthy}
        wait_for(lambda: not is_alive(hung))
        record_testsuite_property("hung in C: killed after, s", killed_s := time.monotonic() - hung_at)
        assert SHORT_LEASE_S - 1 < killed_s < SHORT_LEASE_S + 15
        room.await_all([poison], within_s=30)
        assert_only_failed(room, poison, among=neighbours)
        room.await_all(neighbours, within_s=30)
        assert_sound(room.store, neighbours)
        assert {len(attempts(room.store, task_id)) for task_id in neighbours} == {1}
        assert is_alive(healthy)

    def test_an_idle_child_may_be_silent(self, hasty_room: WorkerRoom) -> None:
        room = hasty_room
        ids = room.submit(2, delay_ms=500)
        room.await_running(ids)
        (child,) = held_by(room.store)
        room.await_all(ids, within_s=60)
        idle_at = time.monotonic()
        wait_for(lambda: time.monotonic() - idle_at > 2 * SHORT_LEASE_S)
        assert is_alive(child)
        assert "child.hung" not in room.log("worker")

    @pytest.mark.long
    def test_fault_05_a_worker_frozen_as_a_whole_kills_nobody_when_it_wakes_up(self, hasty_room: WorkerRoom) -> None:
        room = hasty_room
        ids = room.submit(2, delay_ms=15_000)
        room.await_running(ids)
        (child,) = held_by(room.store)
        os.killpg(room.parent, signal.SIGSTOP)
        frozen_at = time.monotonic()
        wait_for(lambda: time.monotonic() - frozen_at > 2 * SHORT_LEASE_S)
        os.killpg(room.parent, signal.SIGCONT)
        room.await_all(ids, within_s=60)
        assert_sound(room.store, ids)
        assert is_alive(child)
        assert "child.hung" not in room.log("worker")


class TestRetirement:
    def test_a_child_that_has_grown_too_large_goes_and_loses_nothing(self, redis_url: str, tmp_path: Path) -> None:
        with worker_room(redis_url, tmp_path, WORKER__LEASE="PT60S", WORKER__MEMORY_PER_CHILD_MIB="384") as room:
            (neighbour,) = room.submit(1, delay_ms=1500)
            room.await_running([neighbour])
            (child,) = held_by(room.store)
            (grows,) = room.submit(1, size_bytes=GROWS)
            wait_for(lambda: not is_alive(child))
            (later,) = room.submit(1)
            ids = [neighbour, grows, later]
            room.await_all(ids, within_s=30)
            assert_sound(room.store, ids)
            assert [len(attempts(room.store, task_id)) for task_id in ids] == [1, 1, 1]
            assert attempts(room.store, later)[0]["worker"] != attempts(room.store, grows)[0]["worker"]
            assert "child.retires" in room.log("worker")
            assert "owner.gone" not in room.log("worker")

    @pytest.mark.long
    def test_children_that_have_run_their_share_go_and_lose_nothing(self, redis_url: str, tmp_path: Path) -> None:
        with worker_room(redis_url, tmp_path, WORKER__LEASE="PT60S", WORKER__TASKS_PER_CHILD="10") as room:
            ids = room.submit(150, delay_ms=50)
            room.await_all(ids, within_s=90)
            assert_sound(room.store, ids)
            runs = [run for task_id in ids for run in attempts(room.store, task_id)]
            assert len(runs) == len(ids)
            most = max(Counter(run["worker"] for run in runs).values())
            assert most < 10 + SLOTS
            assert is_alive(room.parent)
            assert room.log("worker").count("child.retires") >= len(ids) // (10 + SLOTS)
            assert "owner.gone" not in room.log("worker")

    @pytest.mark.long
    def test_fault_37_a_thread_that_never_comes_back_costs_its_own_task_and_its_child(
        self, redis_url: str, tmp_path: Path
    ) -> None:
        short = {"WORKER__LEASE": f"PT{SHORT_LEASE_S:.0f}S", "STAGES__INFER": "PT8S"}
        with worker_room(redis_url, tmp_path, **short) as room:
            (poison,) = room.submit(1, size_bytes=HANGS_IN_PYTHON)
            neighbours = room.submit(4, delay_ms=6000)
            room.await_running([poison, *neighbours])
            (child,) = held_by(room.store)
            room.await_all(neighbours, within_s=30)
            assert_sound_of(room, neighbours)
            wait_for(lambda: not is_alive(child))
            room.await_all([poison], within_s=60)
            assert '"stage_timeout"' in (room.read(poison, "error") or "")
            assert_sound(room.store, [poison], status="failed")
            assert crashes(room.store, poison) == 0
            assert is_alive(room.parent)


class TestParent:
    def test_it_keeps_a_single_thread_through_work_and_death(self, room: WorkerRoom) -> None:
        ids = room.submit(SLOTS + 3, delay_ms=3000)
        room.await_running(ids, children=2)
        assert room.threads_of(room.parent) == 1
        victim, _ = min(held_by(room.store).items(), key=lambda held: len(held[1]))
        os.kill(victim, signal.SIGKILL)
        room.await_all(ids, within_s=60)
        assert room.threads_of(room.parent) == 1


def assert_sound_of(room: WorkerRoom, ids: list[str]) -> None:
    """All of them have succeeded in their first run."""
    assert {status_of(room.store, task_id) for task_id in ids} == {"succeeded"}
    assert {len(attempts(room.store, task_id)) for task_id in ids} == {1}


def assert_only_failed(room: WorkerRoom, poison: str, *, among: list[str]) -> None:
    """Only the poison has failed, for the right reason, while its neighbours still run."""
    assert status_of(room.store, poison) == "failed"
    assert '"crashed_repeatedly"' in (room.read(poison, "error") or "")
    assert {status_of(room.store, task_id) for task_id in among} == {"running"}
