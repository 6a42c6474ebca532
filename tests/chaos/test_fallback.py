"""The store is away for ten minutes under load, with a second one behind it and without: every task succeeds, and of
each the model is asked once. Both stores are real, the first one as strict as R2; seconds pass when the test says so.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest
from adoption_room import CountedModel
from fakes_engine import FakeEngine
from fakes_storage import MemoryStorage
from front_door import SEAL
from live_stack import LiveStack
from record_store import RecordStore, new_task, open_store
from run_room import HandClock, RunRoom
from servers import SeaweedFs
from still_web import StillWeb
from storage_room import get_signed
from strict_r2 import StrictR2, strict_r2

from orchestrator.adapters.ed25519_seals import Ed25519Check
from orchestrator.adapters.redis.breakers import RedisBreakers
from orchestrator.adapters.redis.displaced import RedisDisplaced
from orchestrator.adapters.s3_storage import S3Address, S3Storage
from orchestrator.adapters.zstd import Zstd
from orchestrator.domain.breaker import R2
from orchestrator.domain.ids import task_prefix
from orchestrator.domain.task import Artifact, Status, Task
from orchestrator.pipelines.registry import NEEDED_BY
from orchestrator.services.tasks.verify_receipt import Finding, Verdict, VerifyReceipt
from orchestrator.services.upkeep.find_out import FindOut
from orchestrator.services.upkeep.move_back import MoveBack
from orchestrator.telemetry import build_queue_metrics

AWAY_S, SUBMIT_EVERY_S, STEP_S = 600, 60, 5
LINK_S = 60.0
STILL = {"url": "https://example.org/still.png"}


@dataclass
class Node:
    """A worker child and a keeper, with the first store behind a proxy, and a client who submits now and then."""

    store: RecordStore
    r2: StrictR2
    folder: Path
    second: S3Storage | None
    model: CountedModel = field(default_factory=CountedModel)
    ids: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        clock, self.first = HandClock(), S3Storage(self.r2.server.address)
        types = {R2: frozenset[str]()} if self.second else NEEDED_BY
        self.breakers = RedisBreakers(self.store.scripts, clock, types=types)
        self.find_out = FindOut(self.breakers, {R2: self.first.check}, build_queue_metrics())
        self.room = RunRoom(
            self.store,
            self.folder / "scratch",
            engine=FakeEngine({"realesrgan_x4": self.model}),
            storage=cast("MemoryStorage", self.first),
            web=StillWeb(),
            clock=clock,
            breakers=self.breakers,
            fallback=self.second,
            seal=SEAL,
        )

    def submit(self, count: int = 1) -> None:
        made = [new_task(f"t-{secrets.token_hex(8)}") for _ in range(count)]  # other tests use these buckets, too
        self.store.submit(*(replace(new, type="image.upscale", model="realesrgan_x4", input=STILL) for new in made))
        self.ids += [new.id for new in made]

    def live_on(self, seconds: int) -> None:
        """Every few of them the keeper ticks, and the worker claims one task and runs it."""
        for second in range(0, seconds, STEP_S):
            self.store.pass_time(STEP_S * 1000)
            self.store.tick()
            self.room.clock.now_s += STEP_S
            self.find_out.tick()
            if second % SUBMIT_EVERY_S == 0:
                self.submit()
            for run in self.store.claim().runs:
                self.room.run(run)

    @property
    def tasks(self) -> list[Task]:
        return [self.store.task(task_id) for task_id in self.ids]

    @property
    def outputs(self) -> list[Artifact]:
        return [artifact for task in self.tasks for artifact in task.outputs]

    def keys_in(self, storage: S3Storage) -> list[str]:
        return [info.key for task_id in self.ids for info in storage.list(task_prefix("film-a", task_id))]

    def verify(self, task: Task) -> list[Finding]:
        """Of its receipt, and of every file that it tells of, as they lie in the first store."""
        folder = self.folder / task.id
        folder.mkdir()
        for artifact in task.outputs:
            stored = self.first.head(artifact.key)
            self.first.fetch(artifact.key, folder / artifact.name, etag=stored.etag, limit_bytes=stored.size_bytes)
        text = (folder / "receipt.json").read_bytes()
        assert self.r2.server.endpoint.encode() not in text, "it names keys, and no URLs"
        return list(VerifyReceipt(Ed25519Check([SEAL.public_key])).verify(text, folder=folder))

    def assert_each_was_made_once(self) -> None:
        assert {task.status for task in self.tasks} == {Status.SUCCEEDED}
        assert self.model.asked == len(self.ids)
        assert all(sum(task.tries.values()) <= 1 for task in self.tasks)


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as store:
        store.tick(30)
        yield store


@pytest.fixture
def r2(s3_server: SeaweedFs) -> Iterator[StrictR2]:
    with strict_r2(s3_server) as r2:
        yield r2


@pytest.fixture
def second(stack: LiveStack) -> S3Storage:
    """That of the stack, which other tests of this process have started."""
    about = stack.about["s3"]
    return S3Storage(S3Address(*(about[part] for part in ("endpoint", "bucket", "access_key_id", "secret_access_key"))))


def test_with_a_fallback_all_succeed_meanwhile_and_their_files_come_back(
    store: RecordStore, r2: StrictR2, second: S3Storage, tmp_path: Path
) -> None:
    node = Node(store, r2, tmp_path, second)
    node.submit(6)
    with r2.proxy.down():
        node.live_on(AWAY_S)
        node.assert_each_was_made_once()
        assert {artifact.store for artifact in node.outputs} == {"fallback"}
        file = node.outputs[0]
        link = second.sign_get(file.key, expires_s=60, filename=file.name)
        assert get_signed(link.url).is_success
    node.live_on(SUBMIT_EVERY_S)
    duty = MoveBack(
        RedisDisplaced(store.scripts), node.first, second, node.breakers, Zstd(), tmp_path / "moves", LINK_S
    )
    duty.tick()
    assert {artifact.store for artifact in node.outputs} == {""}
    assert get_signed(link.url).is_success, "a link that was given out goes on working"
    store.pass_time(int(2 * LINK_S * 1000))
    duty.tick()
    assert node.keys_in(second) == []
    for task in node.tasks:
        assert {found.verdict for found in node.verify(task)} == {Verdict.GENUINE}


def test_without_one_all_wait_and_succeed_when_it_is_back(store: RecordStore, r2: StrictR2, tmp_path: Path) -> None:
    node = Node(store, r2, tmp_path, None)
    node.submit(6)
    with r2.proxy.down():
        node.live_on(SUBMIT_EVERY_S)
        met = [task.tries for task in node.tasks]
        node.live_on(AWAY_S)
        assert {task.status for task in node.tasks} == {Status.QUEUED}
        assert [task.tries for task in node.tasks] == [*met, *({} for _ in node.tasks[len(met) :])], "none is used up"
    node.live_on(SUBMIT_EVERY_S * 2)
    node.assert_each_was_made_once()
