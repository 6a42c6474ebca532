"""Workers that die, or are told to go, while they tell a receiver of a task: a real keeper, real webhooks."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from processes import wait_for
from record_store import new_task
from webhook_receiver import TAKEN, Receiver, Reply, Said, receiver
from worker_room import WorkerRoom, worker_room

from orchestrator.adapters.redis.intake import RedisIntake
from orchestrator.adapters.redis.scripts import Scripts

pytestmark = pytest.mark.timeout(120)

LEASE_S = 60.0  # longer than anybody waits here: the parent of a dead child frees what it sent
PATIENCE_S = 30.0
# The keeper looks twice a second; a child that has just been forked makes its clients first, on a slow machine.
TOLD_WITHIN_S = 3.0

Recorder = Callable[[str, object], None]


@pytest.fixture
def room(redis_url: str, tmp_path: Path) -> Iterator[WorkerRoom]:
    settings = {
        "WORKER__LEASE": f"PT{LEASE_S:.0f}S",
        "API__KEY_PEPPER": "pepper of the tests, of no use",
        "WEBHOOKS__ALLOW_HTTP": "true",
        "WEBHOOKS__PRIVATE_NETWORKS": '["127.0.0.0/8"]',
    }
    with worker_room(redis_url, tmp_path, **settings) as room:
        yield room


@pytest.fixture
def let_go() -> Iterator[threading.Event]:
    """Until then the receiver answers nothing."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def told(let_go: threading.Event) -> Iterator[Receiver]:
    def answer(_said: Said) -> Reply:
        let_go.wait(PATIENCE_S)
        return TAKEN

    with receiver(answer) as there:
        yield there


def submit(room: WorkerRoom, told: Receiver, *task_ids: str) -> None:
    intake = RedisIntake(Scripts(room.store))
    for task_id in task_ids:
        own = {"url": told.url, "events": ["queued", "running", "succeeded"], "channel": "webhook:127.0.0.1"}
        intake.submit(replace(new_task(task_id), webhook=own))


def kinds(messages: Sequence[Said]) -> list[str]:
    return [json.loads(said.body)["type"].removeprefix("task.") for said in messages]


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def delivery(room: WorkerRoom, task_id: str, *, name: str) -> str | None:
    return room.store.hget(f"orch:delivery:{task_id}:webhook:task", name)


def test_who_is_idle_hears_of_an_event_within_a_second_or_two(
    room: WorkerRoom, told: Receiver, let_go: threading.Event, record_testsuite_property: Recorder
) -> None:
    let_go.set()
    submit(room, told, "warm")
    told.wait_for(3, timeout_s=PATIENCE_S)
    wait_for(lambda: delivery(room, "warm", name="status") == "delivered")
    wait_for(lambda: not room.store.hget("orch:delivery:warm:webhook:task", "place"))
    submitted_at = time.monotonic()
    submit(room, told, "t1")
    told.wait_for(4, timeout_s=PATIENCE_S)
    record_testsuite_property("deliveries: the first event told after, s", took_s := time.monotonic() - submitted_at)
    assert took_s < TOLD_WITHIN_S
    assert kinds(told.wait_for(6, timeout_s=PATIENCE_S))[3:] == ["queued", "running", "succeeded"]


def test_a_killed_sender_s_event_comes_again_under_the_same_id_and_in_order(
    room: WorkerRoom, told: Receiver, let_go: threading.Event
) -> None:
    submit(room, told, "t1")
    told.wait_for(1, timeout_s=PATIENCE_S)
    for child in children_of(room.parent):
        os.kill(child, signal.SIGKILL)
    let_go.set()
    wait_for(lambda: delivery(room, "t1", name="status") == "delivered")
    heard = told.wait_for(4)
    assert kinds(heard) == ["queued", "queued", "running", "succeeded"]
    assert heard[0].headers["webhook-id"] == heard[1].headers["webhook-id"]
    assert delivery(room, "t1", name="tries") == "0"


def test_a_worker_that_is_told_to_go_ends_what_it_sends_and_gives_the_rest_back(
    room: WorkerRoom, told: Receiver, let_go: threading.Event
) -> None:
    submit(room, told, "t1")
    told.wait_for(1, timeout_s=PATIENCE_S)
    wait_for(lambda: room.read("t1", "status") == "succeeded")
    os.kill(room.parent, signal.SIGTERM)
    wait_for(lambda: "deliveries.leaving" in room.log("worker"))
    let_go.set()
    wait_for(lambda: delivery(room, "t1", name="place") != "sending")
    assert kinds(told.heard) == ["queued"]
    with room.running("next worker"):
        wait_for(lambda: delivery(room, "t1", name="status") == "delivered")
    assert kinds(told.heard) == ["queued", "running", "succeeded"], "and nothing was sent twice"
