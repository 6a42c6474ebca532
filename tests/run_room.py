"""Everything that one run needs, on a real store of records: the rest is fakes and a clock in the test's hand."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fakes_codec import FakeMedia, FakePictures
from fakes_content import FakeContentFiles
from fakes_engine import FakeEngine
from fakes_storage import MemoryStorage
from made_media import noise
from record_store import RecordStore, new_task

from orchestrator.adapters.redis.reservations import RedisReservations
from orchestrator.adapters.redis.residency import RedisResidency
from orchestrator.adapters.zstd import Zstd
from orchestrator.domain.manifest import TensorSpec
from orchestrator.domain.media import MediaLimits
from orchestrator.domain.signature import Signature
from orchestrator.domain.task import Attempt, Run, Task
from orchestrator.pipelines.run_limits import RunLimits, StageBudgets
from orchestrator.pipelines.spool import Spool
from orchestrator.pipelines.stages import Stages
from orchestrator.pipelines.watched_engine import WatchedEngine
from orchestrator.ports.breakers import Breakers
from orchestrator.ports.codec import MediaCodec, Picture, PictureCodec
from orchestrator.ports.inference import InferenceEngine, Serving, Tensors
from orchestrator.ports.seal import Seal
from orchestrator.ports.storage import ObjectStorage
from orchestrator.ports.web import UrlFetcher, WebFile
from orchestrator.services.runs.adopt import AdoptWork
from orchestrator.services.runs.beat import BeatRuns
from orchestrator.services.runs.execute import ExecuteRun
from orchestrator.services.runs.fetch_input import FetchInput
from orchestrator.services.runs.make import MakeWork
from orchestrator.services.runs.reserve_memory import ReserveMemory
from orchestrator.services.runs.store_files import StoreFiles
from orchestrator.telemetry import build_run_metrics
from orchestrator.wiring.fallback_storage import FallbackStorage
from orchestrator.wiring.guarded_engine import asking
from orchestrator.wiring.guarded_storage import GuardedStorage


def nothing() -> None:
    """What happens in a pause unless a test says otherwise."""


STAGES = StageBudgets(fetch_s=20, probe_s=10, infer_s=600, store_s=30, infer_by_type={"image.upscale": 60})
PATIENCE_S = 5.0
SERVING = Serving("1", "of the config", "realesrgan_x4")
SUMS = Signature((TensorSpec("a", "FP32", (-1,)),), (TensorSpec("sum", "FP32", (1,)),), max_batch=4)
STILL = "projects/film-a/uploads/1/still.png"


@dataclass
class HandClock:
    """Time passes when the test says so, and in a pause."""

    now_s: float = 1_000.0
    in_pause: Callable[[], None] = nothing

    def monotonic_s(self) -> float:
        return self.now_s

    def jitter(self) -> float:
        return 0.5

    def pause(self, seconds: float) -> None:
        self.now_s += seconds
        self.in_pause()


class NoWeb:
    """For runs that fetch nothing by URL."""

    def fetch(self, url: str, destination: Path, *, limit_bytes: int, keep_going: Callable[[], None]) -> WebFile:
        raise NotImplementedError(url)


def echo(inputs: Tensors) -> Tensors:
    return {"output": inputs["input"]}


def enlarge(inputs: Tensors) -> Tensors:
    return {"upscaled": inputs["image"].repeat(4, axis=2).repeat(4, axis=3)}


@dataclass
class RunRoom:
    """One worker child with a single slot."""

    store: RecordStore
    scratch: Path
    engine: FakeEngine = field(default_factory=lambda: FakeEngine({"echo": echo, "realesrgan_x4": enlarge}))
    storage: MemoryStorage = field(default_factory=MemoryStorage)
    web: UrlFetcher = field(default_factory=NoWeb)
    content: FakeContentFiles = field(default_factory=FakeContentFiles)
    pictures: PictureCodec = field(default_factory=FakePictures)
    media: MediaCodec = field(default_factory=FakeMedia)
    clock: HandClock = field(default_factory=HandClock)
    doubted: list[str] = field(default_factory=list)
    crowded: list[str] = field(default_factory=list)
    serving: Serving | None = SERVING
    signature: Signature = SUMS
    spool_bytes: int = 1024**3
    breakers: Breakers | None = None
    fallback: ObjectStorage | None = None
    seal: Seal | None = None

    def __post_init__(self) -> None:
        self.metrics = build_run_metrics()
        self.spool = Spool(self.scratch.with_name("spool"), limit_bytes=self.spool_bytes, kept_s=60)
        stages = Stages(STAGES, self.clock, self.metrics)
        engine: InferenceEngine = self.engine
        storage: ObjectStorage = self.storage
        if self.breakers:
            engine, storage = WatchedEngine(engine, asking(self.breakers)), GuardedStorage(storage, self.breakers)
        if self.fallback:
            storage = FallbackStorage(storage, self.fallback)
        scripts = self.store.scripts
        make = MakeWork(
            fetch_input=FetchInput(storage, self.web, MediaLimits(), self.content).fetch,
            engine=lambda _instance: engine,
            pictures=self.pictures,
            media=self.media,
            ensure=lambda _run: self.serving or Serving(),
            describe=lambda _run: self.signature,
            hold=ReserveMemory(RedisReservations(scripts), RedisResidency(scripts).instances, self.clock).hold,
            crowd=lambda run: self.crowded.append(run.task.model),
            stages=stages,
            spool=self.spool,
            compression=Zstd(),
            infer_timeout_s=30.0,
        )
        self.executor = ExecuteRun(
            claims=self.store.claims,
            adopt=AdoptWork(self.spool, lambda _run: self.serving).adopt,
            make=make.make,
            store=StoreFiles(storage, self.clock, self.store.reads.attempts, self.seal).store,
            spool=self.spool,
            stages=stages,
            clock=self.clock,
            metrics=self.metrics,
            doubt=lambda run: self.doubted.append(run.task.model),
            limits=RunLimits(self.scratch, first_beat_s=0.0),
        )
        self.beats = BeatRuns(self.store.claims, self.clock, give_up=self.executor.give_up, patience_s=PATIENCE_S)

    @property
    def task(self) -> Task:
        return self.store.task("t")

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        return self.store.reads.attempts("t")

    def submit(self, **changes: Any) -> None:  # noqa: ANN401 - any field of a NewTask
        self.store.submit(replace(new_task("t"), **changes))

    def execute(self) -> Run:
        """Claim the next task and run it."""
        run = self.store.claim_one()
        self.run(run)
        return run

    def run(self, run: Run) -> None:
        """One run, from its first beat to its ending."""
        watch = self.beats.watch(run)
        self.beats.beat()
        self.executor.execute(watch)
        self.beats.forget(watch)

    @contextmanager
    def stalled_run(self) -> Iterator[Run]:
        """A run whose request waits in the inference server; it must have ended when the block is left, or soon."""
        self.engine.stall("echo")
        run = self.store.claim_one()
        thread = threading.Thread(target=self.run, args=(run,))
        thread.start()
        assert self.engine.wait_for_in_flight(1)
        try:
            yield run
        finally:
            thread.join(10)
            self.engine.resume("echo")
            thread.join(10)
            assert not thread.is_alive()

    def counted(self, outcome: str, task_type: str = "system.echo") -> float | None:
        return self.metrics.registry.get_sample_value(
            "orchestrator_tasks_total", {"project": "film-a", "type": task_type, "outcome": outcome}
        )


def submit_upscale(room: RunRoom, tmp_path: Path) -> None:
    FakePictures().encode(Picture(noise(3)), tmp_path / "still")
    stored = room.storage.store(tmp_path / "still", STILL, content_type="image/png")
    room.submit(type="image.upscale", model="realesrgan_x4", input={"object": STILL, "etag": stored.etag})
