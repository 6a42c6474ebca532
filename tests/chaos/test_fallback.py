"""The store is away while tasks run, with a second one behind it and without: all of them succeed, none is lost.

The first one is real, behind a proxy. A second bucket takes SeaweedFS more room than a machine of tests has.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from fakes_storage import MemoryStorage
from fault_proxy import FaultProxy, fault_proxy
from record_store import RecordStore, new_task, open_store
from run_room import HandClock, RunRoom
from servers import SeaweedFs
from still_web import StillWeb

from orchestrator.adapters.redis.breakers import RedisBreakers
from orchestrator.adapters.redis.displaced import RedisDisplaced
from orchestrator.adapters.s3_storage import S3Storage
from orchestrator.adapters.zstd import Zstd
from orchestrator.domain.breaker import R2
from orchestrator.domain.task import Status, Task
from orchestrator.pipelines.registry import NEEDED_BY
from orchestrator.services.upkeep.find_out import FindOut
from orchestrator.services.upkeep.move_back import MoveBack
from orchestrator.telemetry import build_queue_metrics

TASKS, SECONDS_AWAY = 6, 40
LINK_S = 60.0


class Node:
    """A worker child and a keeper, with the real store behind a proxy; seconds pass when the test says so."""

    def __init__(
        self, store: RecordStore, server: SeaweedFs, proxy: FaultProxy, *, folder: Path, second: MemoryStorage | None
    ) -> None:
        self.store, self.clock = store, HandClock()
        self.first = S3Storage(replace(server.address, endpoint=f"http://127.0.0.1:{proxy.port}"))
        types = {R2: frozenset[str]()} if second is not None else NEEDED_BY
        self.breakers = RedisBreakers(store.scripts, self.clock, types=types)
        self.find_out = FindOut(self.breakers, {R2: self.first.check}, build_queue_metrics())
        self.room = RunRoom(
            store,
            folder / "scratch",
            storage=cast("MemoryStorage", self.first),
            web=StillWeb(),
            clock=self.clock,
            breakers=self.breakers,
            fallback=second,
        )

    def submit(self) -> list[str]:
        still = {"url": "https://example.org/still.png"}
        made = [new_task(f"t{number}") for number in range(TASKS)]
        self.store.submit(*(replace(new, type="image.upscale", model="realesrgan_x4", input=still) for new in made))
        return [new.id for new in made]

    def pass_seconds(self, seconds: int) -> None:
        """In each the keeper ticks, and the worker claims one task and runs it."""
        for _ in range(seconds):
            self.store.tick(1)
            self.clock.now_s += 1
            self.find_out.tick()
            for run in self.store.claim().runs:
                self.room.run(run)

    def tasks(self, ids: list[str]) -> list[Task]:
        return [self.store.task(task_id) for task_id in ids]


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as store:
        store.tick(30)
        yield store


def test_with_a_fallback_all_succeed_meanwhile_and_their_files_come_back(
    store: RecordStore, s3_server: SeaweedFs, tmp_path: Path
) -> None:
    second = MemoryStorage()
    with fault_proxy(int(s3_server.endpoint.rpartition(":")[2])) as proxy:
        node = Node(store, s3_server, proxy, folder=tmp_path, second=second)
        ids = node.submit()
        with proxy.down():
            node.pass_seconds(SECONDS_AWAY)
            made = node.tasks(ids)
            assert {task.status for task in made} == {Status.SUCCEEDED}
            assert {artifact.store for task in made for artifact in task.outputs} == {"fallback"}
            assert all(sum(task.tries.values()) <= 1 for task in made)
            file = made[0].outputs[0]
            link = second.sign_get(file.key, expires_s=60, filename=file.name)
            assert hashlib.sha256(second.download(link)[0]).hexdigest() == file.sha256
        node.pass_seconds(60)
        displaced = RedisDisplaced(store.scripts)
        duty = MoveBack(displaced, node.first, second, node.breakers, Zstd(), tmp_path / "moves", LINK_S)
        duty.tick()
        for artifact in (artifact for task in node.tasks(ids) for artifact in task.outputs):
            assert artifact.store == ""
            assert node.first.head(artifact.key).sha256 == artifact.sha256
        assert second.download(link), "a link that was given out goes on working"
        store.pass_time(int(2 * LINK_S * 1000))
        duty.tick()
        assert second.objects == {}


def test_without_one_all_wait_and_succeed_when_it_is_back(
    store: RecordStore, s3_server: SeaweedFs, tmp_path: Path
) -> None:
    with fault_proxy(int(s3_server.endpoint.rpartition(":")[2])) as proxy:
        node = Node(store, s3_server, proxy, folder=tmp_path, second=None)
        ids = node.submit()
        with proxy.down():
            node.pass_seconds(SECONDS_AWAY)
            waiting = node.tasks(ids)
            assert {task.status for task in waiting} == {Status.QUEUED}
            assert all(sum(task.tries.values()) <= 1 for task in waiting)
        node.pass_seconds(120)
        made = node.tasks(ids)
        assert {task.status for task in made} == {Status.SUCCEEDED}
        assert {artifact.store for task in made for artifact in task.outputs} == {""}
