"""Submits that nobody hears, or hears twice. Every test is named after the number of its fault."""

import os
import signal
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from echo_load import ACCEPTED, UNANSWERED, await_count, bursting
from live_stack import LiveStack
from verdict import assert_sound, await_all

from orchestrator.adapters.redis.connection import API, connect
from orchestrator.adapters.redis.intake import RedisIntake
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.sortable_ids import new_id
from orchestrator.domain.task import NewTask, Priority

pytestmark = pytest.mark.timeout(120)

RUNG_WITHIN_S = 2.0
FIRST_PULSE_S = 3.0  # its child makes its clients at its first pulse

Recorder = Callable[[str, object], None]


def test_fault_08_a_recorded_task_that_nobody_rang_for_is_started(
    stack: LiveStack, record_testsuite_property: Recorder
) -> None:
    silence_the_lane(stack)
    client = connect(stack.about["redis"], API)
    ids = [RedisIntake(Scripts(client)).submit(new_echo()).task_id for _ in range(5)]
    recorded_at = time.monotonic()
    await_all(stack.store, ids, within_s=RUNG_WITHIN_S + FIRST_PULSE_S)
    record_testsuite_property("fault 8: recovery, s", time.monotonic() - recorded_at)
    assert_sound(stack.store, ids)


@pytest.mark.slow
def test_fault_08_an_api_killed_under_submits_makes_one_task_a_key(
    stack: LiveStack, record_testsuite_property: Recorder
) -> None:
    was, recorded_before = stack.pid("api"), count_recorded(stack)
    with bursting(stack, 200) as burst:
        await_count(burst, 50)
        killed_at = time.monotonic()
        os.kill(was, signal.SIGKILL)
        stack.await_restart("api", was=was)
        record_testsuite_property("fault 8: api back after, s", time.monotonic() - killed_at)
    assert UNANSWERED in burst.answers
    assert all(len(ids) == 1 for ids in burst.accepted.values())
    assert count_recorded(stack) == recorded_before + 200
    await_all(stack.store, burst.ids)
    assert_sound(stack.store, burst.ids)


def test_fault_21_fifty_submits_with_one_key_make_one_task(stack: LiveStack) -> None:
    headers = {"Idempotency-Key": uuid.uuid4().hex}

    def submit(size_bytes: int) -> tuple[int, str]:
        body = {"type": "system.echo", "params": {"size_bytes": size_bytes}}
        answer = stack.http.post("/v1/tasks", json=body, headers=headers)
        return answer.status_code, answer.json().get("id", "") or answer.json()["code"]

    with ThreadPoolExecutor(50) as clients:
        answers = set(clients.map(submit, [64] * 50))
    ((status, task_id),) = answers
    assert status == ACCEPTED
    assert submit(65) == (409, "idempotency_conflict")
    await_all(stack.store, [task_id])
    assert_sound(stack.store, [task_id])


def new_echo() -> NewTask:
    return NewTask(
        id=new_id("task"),
        project="demo",
        type="system.echo",
        lane="io",
        model="echo",
        input={},
        params={"size_bytes": 64},
        labels={},
        priority=Priority.NORMAL,
        predicted_s=0.01,
        request_sha256="",
    )


def silence_the_lane(stack: LiveStack) -> None:
    """Leave a worker that has heard no pulse: nothing of what is submitted now is claimed unless the keeper rings."""
    was = stack.pid("worker-io")
    stack.kill_group("worker-io")
    delete_messages(stack)
    stack.await_restart("worker-io", was=was)


def delete_messages(stack: LiveStack) -> int:
    """Everything that the broker has in Redis; the number of keys."""
    return sum(stack.store.delete(key) for key in stack.store.scan_iter("mq:*"))


def count_recorded(stack: LiveStack) -> int:
    return int(stack.store.zcard("orch:tasks:demo"))
