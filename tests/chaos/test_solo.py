"""A task that kills whoever runs it takes its neighbours along once, and busy children make room for it."""

import os
import signal
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from echo_load import submit_echoes
from live_stack import LEASE_S, SOLO_WAIT_S, LiveStack
from made_media import noise
from PIL import Image
from processes import wait_for
from proxied_node import ProxiedNode, Servers, proxied_node
from servers import SeaweedFs, Triton, valkey
from verdict import Store, assert_sound, attempts, await_all, crashes, held_by, status_of
from worker_room import WorkerRoom, worker_room

from orchestrator.adapters.redis.claims import RedisClaims
from orchestrator.adapters.redis.connection import WORKER, connect
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.client import Client
from orchestrator.ports.claims import Beat

pytestmark = pytest.mark.timeout(180)

NEIGHBOURS = 7
CRASHED, CHILDREN = 8, 2
STARTED_WITHIN_S = 6.0  # the child that replaces the killed one makes its clients first
CRASH_LIMIT = 3
RUN_S = 3.0
SLOTS = 32  # of two children
# Claims and beats of a machine that starts workers meanwhile.
MARGIN_S = 3.0

Recorder = Callable[[str, object], None]


@pytest.fixture
def node(tmp_path: Path, s3_server: SeaweedFs, triton_server: Triton) -> Iterator[ProxiedNode]:
    """One child that works on pictures."""
    with (
        valkey(tmp_path) as store,
        proxied_node(tmp_path, Servers(store, s3_server, triton_server), lane="image", children=1) as node,
    ):
        yield node


@pytest.mark.slow
def test_a_poison_file_beside_seven_healthy_neighbours(node: ProxiedNode, tmp_path: Path) -> None:
    """Whoever carries the poison dies, as of a decoder that crashes."""
    with closing(Client(node.about.api, node.about.api_key)) as client:
        poison_file = client.upload(picture(tmp_path / "poison.png", side=400))
        files = [client.upload(picture(tmp_path / f"{number}.png", side=160)) for number in range(NEIGHBOURS)]
        worker = node.processes["worker-image"].process.pid
        os.kill(worker, signal.SIGSTOP)  # hears of nothing, until its child can claim all of them at once
        poison = client.submit("image.upscale", poison_file).id
        neighbours = [client.submit("image.upscale", file).id for file in files]
        os.kill(worker, signal.SIGCONT)
    carried = [kill_whoever_carries(node.store, poison) for _ in range(CRASH_LIMIT)]
    await_all(node.store, [poison, *neighbours])
    assert carried == [{poison, *neighbours}, {poison}, {poison}]
    assert_sound(node.store, [poison], status="failed")
    assert node.http.get(f"/v1/tasks/{poison}").json()["error"]["code"] == "crashed_repeatedly"
    assert_sound(node.store, neighbours)
    assert {crashes(node.store, task_id) for task_id in neighbours} == {1}
    assert {len(attempts(node.store, task_id)) for task_id in neighbours} == {2}


@pytest.mark.long
def test_busy_children_make_room_for_a_task_that_has_crashed(
    stack: LiveStack, record_testsuite_property: Recorder
) -> None:
    flood = submit_echoes(stack, 320, delay_ms=int(1000 * RUN_S))
    wait_for(lambda: sum(len(ids) for ids in held_by(stack.store).values()) == SLOTS)
    crashed = claim_and_fall_silent(stack.about["redis"])
    wait_for(lambda: status_of(stack.store, crashed) == "succeeded", within_s=60)
    assert any(status_of(stack.store, task_id) == "queued" for task_id in flood), "the children were not busy enough"
    *_, waited_since, run_at = (
        int(event["at_ms"]) / 1000
        for _, event in stack.store.xrange(f"orch:events:{crashed}")
        if event["type"] in {"queued", "running"}
    )
    record_testsuite_property("solo: waited for a busy child, s", run_at - waited_since)
    # A slot has to become free for the child to ask, and then its other runs have to end.
    assert run_at - waited_since <= SOLO_WAIT_S + 2 * RUN_S + MARGIN_S
    await_all(stack.store, flood)
    assert_sound(stack.store, flood)
    assert {len(attempts(stack.store, task_id)) for task_id in flood if task_id != crashed} == {1}


def claim_and_fall_silent(url: str) -> str:
    """As a worker that dies with one task of the lane: it beats once."""
    with closing(connect(url, WORKER)) as client:
        claims = RedisClaims(Scripts(client), lease_ms=int(1000 * LEASE_S))
        (run,) = claims.claim("io", "gone:1:1", run_ids=[uuid.uuid4().hex]).runs
        claims.beat([Beat(run)])
    return run.task.id


def picture(path: Path, *, side: int) -> Path:
    Image.fromarray(noise(side, width=side, height=side)).save(path)
    return path


def kill_whoever_carries(store: Store, task_id: str) -> set[str]:
    """SIGKILL the child that runs the task, once all its runs have beaten; everything that it ran."""

    def carriers() -> list[tuple[int, set[str]]]:
        return [(pid, ids) for pid, ids in held_by(store).items() if task_id in ids and has_beaten(*ids)]

    def has_beaten(*ids: str) -> bool:
        return all(store.hget(f"orch:task:{task_id}", "beaten") == "1" for task_id in ids)

    wait_for(lambda: carriers() != [], within_s=60)
    ((victim, ids),) = carriers()
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: not has_beaten(task_id))
    return ids


@pytest.mark.slow
def test_fault_01_tasks_that_crashed_together_run_alone_one_after_the_other_without_a_pause(
    redis_url: str, tmp_path: Path, record_testsuite_property: Recorder
) -> None:
    """So the last of n has begun after n ÷ children of their times (docs/chaos.md, The bound of a recovery)."""
    with worker_room(redis_url, tmp_path, WORKER__LEASE="PT60S") as room:
        ids = room.submit(CRASHED, delay_ms=300)
        room.await_running(ids)
        (victim,) = held_by(room.store)
        os.kill(victim, signal.SIGKILL)
        room.await_all(ids, within_s=60)
        assert_sound(room.store, ids)
        runs = sorted(last_run(room, task_id) for task_id in ids)
    free_at = sorted([min(begun for begun, _ in runs)] * CHILDREN)
    pauses = []
    for begun, ended in runs:
        pauses.append(begun - free_at.pop(0))
        free_at = sorted([*free_at, ended])
    record_testsuite_property("solo: longest pause between two, s", max(pauses))
    assert max(pauses) <= STARTED_WITHIN_S
    assert min(pauses) > -0.05, "more ran at once than there are children"


def last_run(room: WorkerRoom, task_id: str) -> tuple[float, float]:
    """When it began and when it ended."""
    *_, run = attempts(room.store, task_id)
    return int(run["started_ms"]) / 1000, int(run["ended_ms"]) / 1000
