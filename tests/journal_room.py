"""A journal on the real object store, which can be made to fail, beside a store of records that can lose everything."""

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cache

import redis
from front_door import SEAL
from record_store import RecordStore, new_task, open_store

from orchestrator.adapters.redis.rebuilding import RedisRebuilding
from orchestrator.adapters.redis.withdrawals import RedisWithdrawals
from orchestrator.adapters.s3_storage import S3Address, S3Journal, S3Storage, SmallObjects
from orchestrator.adapters.sortable_ids import new_id
from orchestrator.adapters.zstd import Zstd
from orchestrator.domain.canonical import canonical_json
from orchestrator.domain.errors import OrchestratorError
from orchestrator.domain.journal import Broken, Ended, Recorded
from orchestrator.domain.task import NewTask, Run
from orchestrator.ports.storage import ObjectStorage
from orchestrator.services.journal.find_end import FindEnd
from orchestrator.services.journal.journaled_intake import JournaledIntake
from orchestrator.services.journal.rebuild import Rebuild, Rebuilt
from orchestrator.settings import Settings
from orchestrator.telemetry import build_intake_metrics
from orchestrator.wiring.receipts import build_is_genuine


class FailingObjects(SmallObjects):
    """While ``failure`` is set, nothing is written; with ``is_late`` it is, and nobody hears of it."""

    failure: OrchestratorError | None = None
    is_late = False

    def create(self, content: bytes, key: str) -> None:
        if self.failure is None or self.is_late:
            super().create(content, key)
        self._fail()

    def put(self, content: bytes, key: str) -> None:
        if self.failure is None or self.is_late:
            super().put(content, key)
        self._fail()

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


@dataclass
class JournalRoom:
    """``intake`` is the journaled one."""

    url: str
    store: RecordStore
    objects: FailingObjects
    prefix: str
    storage: S3Storage
    settings: Settings = field(default_factory=Settings)
    fallback: ObjectStorage | None = None

    def __post_init__(self) -> None:
        self.journal = S3Journal(self.objects, prefix=self.prefix)
        self.records = RedisRebuilding(self.store.scripts)
        self.withdrawals = RedisWithdrawals(self.store.scripts)
        self.metrics = build_intake_metrics()
        self.intake = JournaledIntake(self.store.intake, self.withdrawals, self.journal, self.metrics.unjournaled)

    def submit(self, key: str | None = None, **fields: object) -> NewTask:
        """A task of lane `io` with other ``fields``, accepted."""
        task = replace(new_task(new_id("task"), key=key), answer='{"a":1}' if key else "", **fields)  # type: ignore[arg-type]  # any field
        self.intake.submit(task)
        return task

    def note_end(self, task_id: str) -> None:
        """As its delivery does."""
        self.journal.note_done("film-a", task_id, ended=Ended.of(self.store.task(task_id)))

    def lose_everything(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def rebuild(self, *, dry_run: bool = False, accept_broken: bool = False, tell_again_s: float = 0) -> Rebuilt:
        find_ends = FindEnd(self.storage, build_is_genuine(self.settings), Zstd(), self.fallback).find
        rebuild = Rebuild(self.records, self.journal, find_ends, tell_again_s)
        return rebuild.rebuild(dry_run=dry_run, accept_broken=accept_broken, watch=lambda _: None)

    def recorded(self) -> dict[str, Recorded]:
        """What the journal says, by task."""
        found = list(self.journal.tasks())
        assert not [each for each in found if isinstance(each, Broken)]
        return {each.task_id: each for each in found if isinstance(each, Recorded)}


@cache
def _doors(address: S3Address) -> tuple[FailingObjects, S3Storage]:
    """Each reads S3's whole description anew."""
    return FailingObjects(address, timeout_s=2.0), S3Storage(address)


@contextmanager
def journal_room(redis_url: str, address: S3Address) -> Iterator[JournalRoom]:
    """An empty journal, and an open store that knows it."""
    objects, storage = _doors(address)
    objects.failure, objects.is_late = None, False
    with open_store(redis_url) as store:
        room = JournalRoom(redis_url, store, objects, f"journal-{uuid.uuid4().hex}", storage)
        room.records.open_new()
        yield room


def store_receipt(
    room: JournalRoom,
    run: Run,
    *,
    files: Mapping[str, bytes],
    signed_for: str | None = None,
    into: ObjectStorage | None = None,
    instead: Mapping[str, bytes] | None = None,
    **said: object,
) -> None:
    """``signed_for`` is the task that the signature was made for, ``into`` another store than the usual one.
    ``instead`` is what lies under a name in the place of what belongs there, ``said`` what else the receipt says.
    """
    storage, artifacts, instead = into or room.storage, [], instead or {}
    for name, content in files.items():
        storage.put(instead.get(name, content), run.prefix + name, content_type="text/plain")
        artifacts.append(
            {
                "name": name,
                "key": run.prefix + name,
                "content_type": "text/plain",
                "size_bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
            }
        )
    receipt = {
        "task": run.task.id,
        "generation": 1,
        "epoch": run.epoch,
        "artifacts": artifacts,
        "result": {"scenes": 3},
        "usage": {"gpu_s": 1.5},
        **said,
    }
    signed = canonical_json({**receipt, "task": signed_for}) if signed_for else b""
    signature = asdict(SEAL.sign(signed)) if signed_for else None
    content = instead.get("receipt.json", json.dumps({**receipt, "signature": signature}).encode())
    storage.put(content, run.prefix + "receipt.json", content_type="application/json")
