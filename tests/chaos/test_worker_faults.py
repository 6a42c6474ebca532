"""Workers are killed, frozen and stopped in mid-task. Every test is named after the number of its fault.

Fault 2, the death of a single child, is in `test_owners.py`, fault 5 in `test_frozen_worker.py`.
"""

import os
import random
import signal
import threading
import time
from collections.abc import Callable

import pytest
from echo_load import await_count, bursting, submit_echo, submit_echoes
from live_stack import DRAIN_S, LEASE_S, LiveStack
from processes import wait_for
from storm.schedule import choose_seed
from verdict import assert_sound, attempts, await_all, crashes, find_misplaced, held_by, read_metric, status_of

# The lease, a round of the keeper and two seconds; a worker starts meanwhile, which takes long on a slow machine.
RECOVERY_S = LEASE_S + 12
# Tasks that crashed together run alone, one a child at a time, and a busy child lets its other runs end first.
SOLO_S, CHILDREN = 3.0, 2
CRASH_LIMIT = 3
REPLACED_WITHIN_S = 60
# `make chaos-long` kills workers under ten thousand tasks.
TASKS, KILLS = int(os.environ.get("CHAOS_TASKS", "200")), int(os.environ.get("CHAOS_KILLS", "2"))
pytestmark = pytest.mark.timeout(120 + TASKS // 10)

Recorder = Callable[[str, object], None]


def test_fault_01_workers_killed_again_and_again_lose_nothing(
    stack: LiveStack, record_testsuite_property: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = choose_seed()
    with capsys.disabled():
        print(f"\nCHAOS_SEED={seed}")  # noqa: T201 - whoever looks at a failure needs it
    chance, recoveries = random.Random(seed), []  # noqa: S311 - a schedule, not a secret
    with bursting(stack, TASKS, delay_ms=50) as burst:
        for kill in range(1, KILLS + 1):
            await_count(burst, kill * TASKS // (KILLS + 1))
            threading.Event().wait(chance.uniform(0, 1))
            recoveries.append(kill_worker(stack))
    await_all(stack.store, burst.ids, within_s=60 + TASKS / 50)
    assert_sound(stack.store, burst.ids)
    assert len(burst.ids) == TASKS
    again = sum(len(attempts(stack.store, task_id)) - 1 for task_id in burst.ids)
    told = {"accepted": len(burst.ids), "runs lost to kills": again, "worst recovery, s": round(max(recoveries), 1)}
    for what, value in told.items():
        record_testsuite_property(f"fault 1: {what}", value)
    with capsys.disabled():
        print(told)  # noqa: T201 - the figures of `make chaos-long`


def test_fault_03_a_task_that_kills_every_child_is_given_up(
    stack: LiveStack, record_testsuite_property: Recorder
) -> None:
    alerts = count_given_up(stack)
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
    assert count_given_up(stack) - alerts == 1

    others = submit_echoes(stack, 20)
    await_all(stack.store, others)
    assert_sound(stack.store, others)


@pytest.mark.slow
def test_fault_06_a_stopped_worker_finishes_or_gives_back(
    stack: LiveStack, record_testsuite_property: Recorder
) -> None:
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


@pytest.mark.long
def test_fault_07_a_stopped_worker_that_is_killed_in_its_drain_loses_nothing(stack: LiveStack) -> None:
    long = submit_echoes(stack, 4, delay_ms=round(DRAIN_S * 1000))
    wait_for(lambda: count_running(stack, long) == len(long))
    was = stack.pid("worker-io")
    os.kill(was, signal.SIGTERM)
    waiting = submit_echoes(stack, 50, delay_ms=10)
    threading.Event().wait(1)
    os.killpg(was, signal.SIGKILL)
    await_all(stack.store, long + waiting)
    assert_sound(stack.store, long + waiting)
    assert {crashes(stack.store, task_id) for task_id in long} == {1}
    stack.await_restart("worker-io", was=was)


@pytest.mark.long
def test_fault_37_a_worker_whose_main_loop_hangs_is_replaced(
    stack: LiveStack, record_testsuite_property: Recorder
) -> None:
    was, hung_at = stack.pid("worker-io"), time.monotonic()
    os.kill(was, signal.SIGSTOP)
    ids = submit_echoes(stack, 50, delay_ms=10)
    wait_for(lambda: stack.pid("worker-io") != was, within_s=REPLACED_WITHIN_S)
    record_testsuite_property("fault 37: replaced after, s", time.monotonic() - hung_at)
    await_all(stack.store, ids)
    assert_sound(stack.store, ids)
    stack.await_ready("worker-io")


def kill_worker(stack: LiveStack) -> float:
    """SIGKILL to the worker and all its children; the seconds until everything that they held had ended."""
    was, killed_at = stack.pid("worker-io"), time.monotonic()
    os.killpg(was, signal.SIGKILL)
    held = [task_id for ids in held_by(stack.store).values() for task_id in ids]
    assert find_misplaced(stack.store, held) == []
    await_all(stack.store, held, within_s=RECOVERY_S + SOLO_S * len(held) / CHILDREN)
    took_s = time.monotonic() - killed_at
    stack.await_restart("worker-io", was=was)
    return took_s


def count_given_up(stack: LiveStack) -> float:
    """How many tasks were given up for their crashes, by whoever found them: what an alert watches."""
    metrics, series = stack.about["metrics"], 'orchestrator_reconciled_total{find="crashed_out"}'
    return read_metric(metrics["workers"], series) + read_metric(metrics["keeper"], series)


def count_running(stack: LiveStack, ids: list[str]) -> int:
    """How many run and have beaten: what is killed before its first beat is no crash."""
    running = ["running", "1"]
    return sum(stack.store.hmget(f"orch:task:{task_id}", ["status", "beaten"]) == running for task_id in ids)


def children_with(stack: LiveStack, task_id: str) -> set[int]:
    return {pid for pid, ids in held_by(stack.store).items() if task_id in ids}


def epoch(stack: LiveStack, task_id: str) -> int:
    return int(stack.store.hget(f"orch:task:{task_id}", "epoch") or 0)
