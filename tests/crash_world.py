"""A world for one crash: a store of records of its own beside servers that all share, and processes on it."""

import multiprocessing
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, cast

import crashing_parts
from made_media import noise
from PIL import Image
from processes import wait_for
from pydantic import SecretStr
from record_store import new_task
from servers import SeaweedFs, Triton, Valkey
from verdict import Store, assert_sound, await_all

from orchestrator.adapters.redis.connection import WORKER, connect
from orchestrator.adapters.redis.intake import RedisIntake
from orchestrator.adapters.redis.reads import RedisReads
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.triton.control import TritonControl
from orchestrator.domain.task import Status
from orchestrator.local.loopback import pick_ports
from orchestrator.ports.storage import ObjectStorage
from orchestrator.services.upkeep.sweep import Sweep
from orchestrator.settings import (
    ApiSettings,
    KeeperSettings,
    RedisSettings,
    S3Settings,
    Settings,
    TritonSettings,
    WorkerSettings,
)
from orchestrator.telemetry import build_queue_metrics
from orchestrator.wiring.outside import build_storage, build_upkeep

API_KEY = "key-of-the-admin-of-this-world"
LANES = ("image", "io", "video", "audio")
# What dies loses its task soon; what is to survive must beat in time on a busy machine.
DOOMED_LEASE, LEASE = timedelta(seconds=1), timedelta(seconds=10)
# Signs, clocks and paces of lanes, leases of duties, rates, the last tick, projects and uploads are no tasks.
STANDING = (
    *("orch:alive:", "orch:clock:", "orch:duty:", "orch:limit:"),
    *("orch:pace:", "orch:project", "orch:reconcile", "orch:retention", "orch:served:", "orch:upload"),
    *("orch:bytes:", "orch:held_back", "orch:instance", "orch:residents:", "orch:serving:"),
)

# Forked from a process that has imported everything: a crash costs no start of an interpreter.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "pytest",
        "uvicorn",
        "orchestrator.wiring.api",
        "orchestrator.api.app",
        "orchestrator.wiring.worker",
        "orchestrator.keeper",
    ]
)


@dataclass(frozen=True)
class Picture:
    """The input of a task: a small picture in the bucket."""

    key: str
    etag: str


@dataclass(frozen=True)
class World:
    """Tasks in a database of their own, of a project of their own."""

    project: str
    settings: Settings
    store: Store
    storage: ObjectStorage
    source: Path
    picture: Picture

    @property
    def intake(self) -> RedisIntake:
        return RedisIntake(Scripts(self.store))

    def submit(self, **changes: Any) -> str:  # noqa: ANN401 - any field of a NewTask
        task_id = f"task_{uuid.uuid4().hex}"
        self.intake.submit(replace(new_task(task_id, project=self.project), **changes))
        return task_id

    def submit_upscale(self) -> str:
        wanted = {"object": self.picture.key, "etag": self.picture.etag}
        return self.submit(type="image.upscale", lane="image", model="realesrgan_x4", input=wanted)

    def start(self, part: Callable[..., None], *given: object, **named: object) -> BaseProcess:
        process = FORKS.Process(target=part, args=given, kwargs=named, daemon=True)
        process.start()
        return process

    @contextmanager
    def surviving(self, lanes: Sequence[str]) -> Iterator[None]:
        """A worker and a keeper that nothing kills."""
        survivor = self.start(crashing_parts.survive, self.settings, worker=self.with_lease(LEASE), lanes=lanes)
        try:
            yield
        finally:
            survivor.kill()
            survivor.join()

    def with_lease(self, lease: timedelta) -> Settings:
        return self.settings.model_copy(update={"worker": self.settings.worker.model_copy(update={"lease": lease})})

    def lease_ends_at(self, task_id: str) -> float | None:
        return self.store.zscore("orch:leases", task_id)

    def outputs(self, task_id: str) -> set[str]:
        """The keys of what was committed."""
        return {output.key for output in RedisReads(self.store).get(self.project, task_id).outputs}

    def await_beaten(self, task_id: str) -> None:
        wait_for(lambda: self.store.hget(f"orch:task:{task_id}", "beaten") == "1")

    def await_all(self, ids: Sequence[str]) -> None:
        await_all(self.store, ids, within_s=60)

    def assert_converged(self, expected: Mapping[str, str]) -> None:
        """Criterion L for the tasks, by id with the status that each must have ended in."""
        for status in set(expected.values()):
            assert_sound(self.store, [task_id for task_id in expected if expected[task_id] == status], status=status)
        for task_id in expected:
            self._assert_committed_once(task_id)

    def assert_empty(self) -> None:
        """No record, no index entry and no artifact is left of any task."""
        left = [key for key in self.store.scan_iter("orch:*") if not key.startswith(STANDING)]
        # An Idempotency-Key's answer outlives its task, and ends by itself (ADR 0030).
        kept = [key for key in left if not (key.startswith("orch:idem:") and self.store.pttl(key) > 0)]
        assert kept == [], kept
        assert [found.key for found in self.storage.list(f"projects/{self.project}/tasks/")] == []

    def finish_walk(self) -> None:
        """A keeper that was killed in the middle of its audit has left notes: go on from there to the round's end."""
        upkeep = build_upkeep(self.settings, Scripts(self.store))
        while not (audited := upkeep.audit(limit=1_000)).has_come_round:
            assert audited.finds == ()
        assert audited.finds == ()

    def sweep(self) -> None:
        """What the keeper does when the retention is over."""
        now = self.settings.keeper.model_copy(update={"retention": timedelta(0)})
        upkeep = build_upkeep(self.settings.model_copy(update={"keeper": now}), Scripts(self.store))
        Sweep(upkeep, self.storage, build_queue_metrics()).tick()

    def _assert_committed_once(self, task_id: str) -> None:
        """Every committed output is there, and all of them are of one run."""
        task = RedisReads(self.store).get(self.project, task_id)
        for output in task.outputs:
            assert self.storage.head(output.key).size_bytes == output.size_bytes
        has_files = task.type == "image.upscale" and task.status is Status.SUCCEEDED
        assert len({output.key.rpartition("/")[0] for output in task.outputs}) == (1 if has_files else 0)


@dataclass
class Worlds:
    """Hands out worlds, each with the next database of one Valkey."""

    valkey: Valkey
    s3: SeaweedFs
    triton: Triton
    folder: Path

    def __post_init__(self) -> None:
        self._numbers = count()
        self._source = self.folder / "small.png"
        Image.fromarray(noise(1, width=16, height=16)).save(self._source)
        self._storage = build_storage(self._settings(0))
        TritonControl(self.triton.grpc, control_key=self.triton.control_key).load("realesrgan_x4")

    @contextmanager
    def open(self) -> Iterator[World]:
        number = next(self._numbers)
        settings, project = self._settings(number), f"film-{number}"
        put = self._storage.store(self._source, f"projects/{project}/uploads/1/small.png", content_type="image/png")
        store = connect(settings.redis.url.get_secret_value(), WORKER)
        try:
            yield World(
                project, settings, cast("Store", store), self._storage, self._source, Picture(put.key, put.etag)
            )
        finally:
            store.close()

    def _settings(self, number: int) -> Settings:
        s3 = S3Settings(
            endpoint=self.s3.endpoint,
            bucket=self.s3.bucket,
            access_key_id=self.s3.access_key_id,
            secret_access_key=SecretStr(self.s3.secret_access_key),
        )
        return Settings(
            redis=RedisSettings(url=SecretStr(f"{self.valkey.url.rpartition('/')[0]}/{number}")),
            s3=s3,
            triton=TritonSettings(grpc=self.triton.grpc, control_key=SecretStr(self.triton.control_key)),
            api=ApiSettings(
                port=pick_ports(1)[0],
                key_pepper=SecretStr("pepper-of-the-worlds-of-a-test"),
                admin_key=SecretStr(API_KEY),
                admin_project=f"film-{number}",
            ),
            worker=WorkerSettings(lease=DOOMED_LEASE, drain=timedelta(0), scratch_dir=self.folder / str(number)),
            keeper=KeeperSettings(tick=timedelta(seconds=0.2), metrics_port=0),
        )
