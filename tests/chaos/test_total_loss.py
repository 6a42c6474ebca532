"""Fault 17: Redis has lost everything, disk and all. The journal brings it back, and nothing is made twice."""

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from live_stack import LiveStack, live_stack
from processes import wait_for

from orchestrator.adapters.s3_storage import S3Address, SmallObjects

FINISHED, WAITING = 20, 40
ACCEPTED, LATER = 202, 503


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    env = {"ORCH_JOURNAL__ENABLED": "true"}
    with live_stack(tmp_path_factory.mktemp("journaled"), lanes=("io",), env=env) as stack:
        yield stack


def submit(stack: LiveStack, key: str, **params: object) -> httpx.Response:
    body = {"type": "system.echo", "params": params}
    return stack.http.post("/v1/tasks", json=body, headers={"Idempotency-Key": key})


def submit_all(stack: LiveStack, keys: list[str], **params: object) -> dict[str, dict[str, Any]]:
    """The answers by key."""
    answers = {key: submit(stack, key, **params) for key in keys}
    assert {answer.status_code for answer in answers.values()} == {ACCEPTED}
    return {key: answer.json() for key, answer in answers.items()}


def look(stack: LiveStack, task_id: str) -> dict[str, Any]:
    view: dict[str, Any] = stack.http.get(f"/v1/tasks/{task_id}").json()
    return view


def await_noted(stack: LiveStack, count: int) -> None:
    """Return when the journal has been told of so many ends."""
    s3 = stack.about["s3"]
    address = S3Address(s3["endpoint"], s3["bucket"], s3["access_key_id"], s3["secret_access_key"])
    objects = SmallObjects(address, timeout_s=5)
    wait_for(lambda: sum(key.endswith(".done") for key in objects.keys("journal/")) >= count, within_s=30)


def lose_everything(stack: LiveStack) -> None:
    """What is left is a server as new: no record, no key, no queue of the broker."""
    was = stack.pid("redis")
    stack.store.eval("return redis.call('FLUSHALL')", 0)
    stack.kill_group("redis")
    stack.await_restart("redis", was=was)


def test_17_a_rebuild_brings_back_every_task_and_runs_no_finished_one(stack: LiveStack) -> None:
    early, late = ([uuid.uuid4().hex for _ in range(count)] for count in (FINISHED, WAITING))
    answers = submit_all(stack, early)
    await_noted(stack, FINISHED)
    finished = {answer["id"]: look(stack, answer["id"]) for answer in answers.values()}
    assert {view["status"] for view in finished.values()} == {"succeeded"}
    answers |= submit_all(stack, late, delay_ms=200)
    lose_everything(stack)

    refused = submit(stack, uuid.uuid4().hex)
    assert (refused.status_code, refused.json()["code"]) == (LATER, "read_only")
    report = stack.show("rebuild")
    assert (sum(report["tasks"].values()), report["broken"]) == (FINISHED + WAITING, [])
    assert report["tasks"]["succeeded"] >= FINISHED

    repeated = {key: submit(stack, key, **({"delay_ms": 200} if key in late else {})).json() for key in answers}
    assert repeated == answers
    ids = [answer["id"] for answer in answers.values()]
    wait_for(lambda: all(look(stack, task_id)["status"] == "succeeded" for task_id in ids), within_s=60)
    for task_id, before in finished.items():
        after = look(stack, task_id)
        assert {name: after[name] for name in ("started_at", "ended_at", "result", "usage")} == {
            name: before[name] for name in ("started_at", "ended_at", "result", "usage")
        }
