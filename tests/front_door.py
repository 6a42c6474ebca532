"""The HTTP API over a real store of records, with its lanes' bells within earshot and a worker at hand."""

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue

import httpx
from served_api import serve

from orchestrator.adapters.redis.claims import RedisClaims
from orchestrator.adapters.redis.connection import API, connect
from orchestrator.adapters.redis.intake import RedisIntake
from orchestrator.adapters.redis.reads import RedisReads
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.redis.upkeep import RedisUpkeep
from orchestrator.adapters.sortable_ids import new_id
from orchestrator.api.app import build_app
from orchestrator.domain.task import Artifact, Run
from orchestrator.ports.claims import Commit
from orchestrator.ports.storage import ObjectStorage
from orchestrator.services.cancel import CancelTask
from orchestrator.services.offer_upload import OfferUpload
from orchestrator.services.resubmit import ResubmitTask
from orchestrator.services.submit import SubmitTask
from orchestrator.telemetry import build_intake_metrics
from orchestrator.wiring.api_parts import ApiParts

KEYS = {"film-a": "key-of-a", "film-b": "key-of-b"}


@dataclass
class Bells:
    """Hears which lanes are rung."""

    rung: list[str] = field(default_factory=list)
    pulses: Queue[str] = field(default_factory=Queue)

    def ring(self, lane: str) -> None:
        self.rung.append(lane)
        self.pulses.put(lane)


@dataclass(frozen=True)
class Worker:
    """Runs tasks by hand, as a worker would commit them."""

    claims: RedisClaims
    storage: ObjectStorage

    def claim(self, lane: str) -> Run:
        return self.claims.claim(lane, "worker-1", run_ids=[uuid.uuid4().hex]).runs[0]

    def finish(self, run: Run, files: Mapping[str, bytes], *, scratch: Path) -> None:
        """Store the files under the run's prefix and commit success."""
        outputs = tuple(self._store(run, scratch / name, content=content) for name, content in files.items())
        self.claims.finish(run, Commit(outputs, {"files": len(files)}, {"inferences": 1}, actual_s=0.1))

    def _store(self, run: Run, path: Path, *, content: bytes) -> Artifact:
        path.write_bytes(content)
        stored = self.storage.store(path, run.prefix + path.name, content_type="text/plain")
        sha256 = hashlib.sha256(content).hexdigest()
        return Artifact(path.name, stored.key, "text/plain", stored.size_bytes, sha256)


@dataclass(frozen=True)
class FrontDoor:
    """Where the API is, the bells, and the worker."""

    url: str
    bells: Bells
    worker: Worker

    def next_run(self) -> Run:
        """Wait for a bell and claim what it was rung for."""
        return self.worker.claim(self.bells.pulses.get(timeout=10))

    def caller(self, project: str = "film-a") -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {KEYS[project]}"})


@contextmanager
def front_door(redis_url: str, storage: ObjectStorage) -> Iterator[FrontDoor]:
    """The API, served, until the context ends."""
    client = connect(redis_url, API)
    scripts = Scripts(client)
    intake, reads, bells = RedisIntake(scripts), RedisReads(client), Bells()
    upkeep = RedisUpkeep(scripts, lease_ms=30_000, retention_ms=60_000)
    parts = ApiParts(
        submit=SubmitTask(intake, storage, bells, new_id, build_intake_metrics()),
        cancel=CancelTask(intake),
        resubmit=ResubmitTask(intake, reads, bells),
        offer_upload=OfferUpload(storage, upkeep, new_id, expires_s=60),
        reads=reads,
        storage=storage,
        api_keys=KEYS,
        checks={"redis": lambda: _ping(reads), "storage": storage.check},
        render_metrics=lambda: b"orchestrator_up 1\n",
        url_expires_s=60,
    )
    with serve(build_app(parts)) as url:
        yield FrontDoor(url, bells, Worker(RedisClaims(scripts, lease_ms=30_000), storage))
    client.close()


def _ping(reads: RedisReads) -> None:
    reads.attempts("task_0")
