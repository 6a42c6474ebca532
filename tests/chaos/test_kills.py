"""Workers are killed, frozen and stopped in mid-task. Every test is named after the number of its fault.

Fault 2, the death of a single child, is in `test_owners.py`, fault 5 in `test_frozen_worker.py`.
"""

import os
import signal
import time
from collections.abc import Callable

import pytest
from echo_load import submit_echo, submit_echoes
from live_stack import DRAIN_S, LEASE_S, LiveStack
from processes import wait_for
from verdict import assert_sound, attempts, await_all, crashes, find_misplaced, held_by, status_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

# The lease, a round of the keeper and two seconds; a worker starts meanwhile, which takes long on a slow machine.
RECOVERY_S = LEASE_S + 12
CRASH_LIMIT = 3

Recorder = Callable[[str, object], None]


def test_1_a_worker_killed_with_all_its_children_loses_nothing(
    stack: LiveStack, record_testsuite_property: Recorder
) -> None:
    quick, long = submit_echoes(stack, 200, delay_ms=20), submit_echoes(stack, 6, delay_ms=1500)
    wait_for(lambda: count_running(stack, long) == len(long))
    was, killed_at = stack.pid("worker-io"), time.monotonic()
    stack.kill_group("worker-io")
    assert find_misplaced(stack.store, quick + long) == []
    await_all(stack.store, quick + long, within_s=RECOVERY_S + len(long) * 1.5)  # those that crashed run alone
    record_testsuite_property("fault 1: recovery, s", time.monotonic() - killed_at)
    assert_sound(stack.store, quick + long)
    assert {crashes(stack.store, task_id) for task_id in long} == {1}
    stack.await_restart("worker-io", was=was)


def test_3_a_task_that_kills_every_child_is_given_up(stack: LiveStack, record_testsuite_property: Recorder) -> None:
    poison = submit_echo(stack, delay_ms=60_000)
    victims: set[int] = set()
    begun_at = time.monotonic()
    for _ in range(CRASH_LIMIT):
        wait_for(lambda: bool(children_with(stack, poison) - victims))
        (victim,) = children_with(stack, poison)
        wait_for(lambda: stack.store.hget(f"orch:task:{poison}", "beaten") == "1")
        os.kill(victim, signal.SIGKILL)
        victims.add(victim)
    wait_for(lambda: status_of(stack.store, poison) == "failed", within_s=RECOVERY_S)
    record_testsuite_property("fault 3: given up after, s", time.monotonic() - begun_at)
    task = stack.http.get(f"/v1/tasks/{poison}").json()
    assert task["error"]["code"] == "crashed_repeatedly"
    assert len(task["attempts"]) == CRASH_LIMIT
    assert_sound(stack.store, [poison], status="failed")

    others = submit_echoes(stack, 20)
    await_all(stack.store, others)
    assert_sound(stack.store, others)


def test_6_a_stopped_worker_finishes_or_gives_back(stack: LiveStack, record_testsuite_property: Recorder) -> None:
    short, long = submit_echoes(stack, 12, delay_ms=1500), submit_echoes(stack, 8, delay_ms=round(DRAIN_S * 1500))
    wait_for(lambda: count_running(stack, short + long) == len(short + long))
    waiting = submit_echoes(stack, 100, delay_ms=10)
    was, stopped_at = stack.pid("worker-io"), time.monotonic()
    os.kill(was, signal.SIGTERM)
    wait_for(lambda: stack.pid("worker-io") != was, within_s=DRAIN_S + 10)
    record_testsuite_property("fault 6: stopped after, s", time.monotonic() - stopped_at)
    wait_for(lambda: count_running(stack, long) == len(long))
    record_testsuite_property("fault 6: running again after, s", time.monotonic() - stopped_at)
    ids = short + long + waiting
    await_all(stack.store, ids)
    assert_sound(stack.store, ids)
    assert {len(attempts(stack.store, task_id)) for task_id in ids} == {1}
    assert {epoch(stack, task_id) for task_id in short} == {1}
    assert {epoch(stack, task_id) for task_id in long} == {2}
    stack.await_ready("worker-io")


def count_running(stack: LiveStack, ids: list[str]) -> int:
    """How many run and have beaten: what is killed before its first beat is no crash."""
    running = ["running", "1"]
    return sum(stack.store.hmget(f"orch:task:{task_id}", ["status", "beaten"]) == running for task_id in ids)


def children_with(stack: LiveStack, task_id: str) -> set[int]:
    return {pid for pid, ids in held_by(stack.store).items() if task_id in ids}


def epoch(stack: LiveStack, task_id: str) -> int:
    return int(stack.store.hget(f"orch:task:{task_id}", "epoch") or 0)
