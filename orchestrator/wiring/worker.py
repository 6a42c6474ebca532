"""The parts of a worker's children: all of it is made after the fork (stack facts A.10), but for the Celery app."""

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

from billiard.process import current_process
from celery import Celery

from orchestrator.adapters.av_codec.codec import AvCodec
from orchestrator.adapters.celery_pulses import PULSE, CeleryPulses, build_celery, queue_of
from orchestrator.adapters.linux_processes import LinuxProcesses
from orchestrator.adapters.pillow_images import PillowImages
from orchestrator.adapters.redis.claims import RedisClaims
from orchestrator.adapters.redis.connection import WORKER, connect
from orchestrator.adapters.redis.reads import RedisReads
from orchestrator.adapters.redis.reservations import RedisReservations
from orchestrator.adapters.redis.residency import RedisResidency
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.redis.served import RedisServed
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.adapters.triton.servers import TritonServers
from orchestrator.adapters.zstd import Zstd
from orchestrator.domain.lane import LANE_SLOTS, parse_lane
from orchestrator.domain.task import Attempt, Run
from orchestrator.pipelines.registry import PIPELINES
from orchestrator.pipelines.run_limits import RunLimits
from orchestrator.pipelines.run_watch import RunWatch
from orchestrator.pipelines.spool import Spool
from orchestrator.pipelines.stages import Stages
from orchestrator.pipelines.watched_engine import WatchedEngine
from orchestrator.ports.breakers import Breakers
from orchestrator.ports.claims import Claims
from orchestrator.ports.clock import Clock
from orchestrator.ports.inference import InferenceServer, ServedModels
from orchestrator.ports.pulses import PulseSender
from orchestrator.ports.reservations import Reservations
from orchestrator.ports.residency import Residency
from orchestrator.ports.signboard import SignBoard
from orchestrator.ports.storage import ObjectStorage
from orchestrator.services.models.stored_releases import StoredReleases
from orchestrator.services.runs.adopt import AdoptWork
from orchestrator.services.runs.beat import BeatRuns
from orchestrator.services.runs.describe_model import DescribeModel
from orchestrator.services.runs.drain import DrainLane, Slots, Work
from orchestrator.services.runs.ensure_model import EnsureModel
from orchestrator.services.runs.execute import ExecuteRun
from orchestrator.services.runs.fetch_input import FetchInput
from orchestrator.services.runs.make import MakeWork
from orchestrator.services.runs.reserve_memory import ReserveMemory
from orchestrator.services.runs.store_files import StoreFiles
from orchestrator.services.workers.retire import RetireChild
from orchestrator.services.workers.show_signs import ShowSigns
from orchestrator.services.workers.sweep_scratch import SweepScratch
from orchestrator.settings import Settings, WorkerSettings
from orchestrator.telemetry import RunMetrics, build_run_metrics
from orchestrator.wiring.breakers import build_breakers
from orchestrator.wiring.content import build_content_files
from orchestrator.wiring.fallback import build_fallback
from orchestrator.wiring.fallback_storage import FallbackStorage
from orchestrator.wiring.guarded_engine import GuardedServers
from orchestrator.wiring.guarded_storage import GuardedStorage
from orchestrator.wiring.inputs import BYTES_PER_MIB, build_fetcher, build_limits
from orchestrator.wiring.limits import build_quotas, build_stage_budgets
from orchestrator.wiring.outside import broker_url, build_samples, build_storage, lease_ms
from orchestrator.wiring.receipts import build_seal
from orchestrator.wiring.timed_requests import timing

__all__ = ["PULSE", "WorkerPorts", "build_celery_app", "build_drain", "build_signs", "build_worker_ports", "queue_of"]


@dataclass(frozen=True, slots=True)
class WorkerPorts:
    """The outside as a child reaches it. A crash test puts its own door before one of them."""

    claims: Claims
    pulses: PulseSender
    storage: ObjectStorage
    server: Callable[[str], InferenceServer]
    residency: Residency
    reservations: Reservations
    served: ServedModels
    breakers: Breakers
    attempts: Callable[[str], Sequence[Attempt]]
    clock: Clock
    fallback: ObjectStorage | None = None

    def guarded(self) -> Self:
        """With a breaker before each dependency; the doors of a crash test stay behind it."""
        storage = GuardedStorage(self.storage, self.breakers)
        return replace(
            self,
            storage=FallbackStorage(storage, self.fallback) if self.fallback else storage,
            server=GuardedServers(self.server, self.breakers),
        )


def build_celery_app(settings: Settings) -> Celery:
    return build_celery(broker_url(settings))


def build_signs(settings: Settings, board: SignBoard) -> ShowSigns:
    """What shows the parent that this child is not stuck, and the thread that does it."""
    clock, lease_s = SystemClock(), settings.worker.lease.total_seconds()
    signs = ShowSigns(board, clock, LinuxProcesses().this(), period_s=min(1.0, lease_s / 4))
    threading.Thread(target=signs.show_forever, name="signs", daemon=True).start()
    return signs


def build_worker_ports(settings: Settings) -> WorkerPorts:
    """Everything with a connection."""
    triton = settings.triton
    client = connect(settings.redis.url.get_secret_value(), WORKER)
    scripts, breakers = Scripts(client), build_breakers(settings)
    return WorkerPorts(
        claims=RedisClaims(
            scripts,
            lease_ms(settings),
            frozenset(PIPELINES),
            build_quotas(settings),
            int(settings.deliveries.progress_every.total_seconds() * 1000),
            breakers.vouch,
        ),
        pulses=CeleryPulses(build_celery(broker_url(settings)), broker_url(settings)),
        storage=build_storage(settings),
        server=TritonServers(
            triton.instances,
            control_key=triton.control_key.get_secret_value(),
            deadline_s=triton.infer_timeout.total_seconds(),
        ),
        residency=RedisResidency(scripts),
        reservations=RedisReservations(scripts),
        served=RedisServed(client),
        breakers=breakers,
        fallback=build_fallback(settings),
        attempts=RedisReads(client).attempts,
        clock=SystemClock(),
    )


def build_drain(
    settings: Settings,
    ports: WorkerPorts,
    *,
    lane: str,
    is_stopping: Callable[[], bool],
    note: Callable[[str], None] = lambda _part: None,
) -> DrainLane:
    """The services over the ports, and the thread that beats for their runs. ``note`` hears which of them moves."""
    slot = getattr(current_process(), "index", 0)  # only a child of a pool has one
    metrics = build_run_metrics(build_samples(settings, f"{lane}-{slot}"))
    execute = _build_execute(settings, ports.guarded(), metrics=metrics)
    beats = BeatRuns(ports.claims, ports.clock, moved=lambda: note("beats"), give_up=execute.give_up)
    retire = _build_retire(settings.worker, ports.clock, stuck=beats.stuck)
    threading.Thread(target=beats.beat_forever, name="beats", daemon=True).start()
    active = metrics.active.labels(lane)

    def look() -> bool:
        note("drain")  # which looks at the flag in its every turn
        return is_stopping()

    def work(watch: RunWatch) -> None:
        retire.count_run()
        with active.track_inprogress():
            try:
                execute.execute(watch)
            finally:
                beats.forget(watch)

    def take_up(runs: Sequence[Run]) -> list[Work]:
        return [partial(work, watch) for watch in beats.take_up(runs)]

    return DrainLane(
        claims=ports.claims,
        pulses=ports.pulses,
        clock=ports.clock,
        take_up=take_up,
        end_all=beats.end_all,
        new_run_id=lambda: secrets.token_hex(8),
        is_stopping=look,
        is_spent=retire.is_due,
        stuck=beats.stuck,
        owner=str(LinuxProcesses().this()),
        slots=_build_slots(settings.worker, lane),
    )


def _build_retire(worker: WorkerSettings, clock: Clock, *, stuck: set[str]) -> RetireChild:
    memory_bytes = worker.memory_per_child_mib * BYTES_PER_MIB
    return RetireChild(worker.tasks_per_child, memory_bytes, LinuxProcesses().memory_bytes, stuck, clock)


def _build_slots(worker: WorkerSettings, lane: str) -> Slots:
    drain_s, solo_wait_s = worker.drain.total_seconds(), worker.solo_wait.total_seconds()
    return Slots(LANE_SLOTS[parse_lane(lane)[0]], drain_s=drain_s, yield_after_s=solo_wait_s)


def _build_execute(settings: Settings, ports: WorkerPorts, *, metrics: RunMetrics) -> ExecuteRun:
    models = EnsureModel(ports.server, ports.residency, ports.served, ports.clock)
    limits = build_limits(settings)
    stages, spool = Stages(build_stage_budgets(settings.stages), ports.clock, metrics), _build_spool(settings.worker)
    make = MakeWork(
        fetch_input=FetchInput(
            ports.storage, build_fetcher(settings), limits, build_content_files(settings, ports.breakers)
        ).fetch,
        engine=lambda instance: WatchedEngine(ports.server(instance).engine, timing(metrics.triton_seconds)),
        pictures=PillowImages(limits),
        media=AvCodec(limits),
        ensure=models.ensure,
        describe=DescribeModel(ports.server, StoredReleases(ports.storage, url_expires_s=0.0)).describe,
        hold=ReserveMemory(ports.reservations, ports.residency.instances, ports.clock).hold,
        crowd=models.crowd,
        stages=stages,
        spool=spool,
        compression=Zstd(),
        infer_timeout_s=settings.triton.infer_timeout.total_seconds(),
    )
    return ExecuteRun(
        claims=ports.claims,
        adopt=AdoptWork(spool, models.serving).adopt,
        make=make.make,
        store=StoreFiles(ports.storage, ports.clock, ports.attempts, build_seal(settings)).store,
        spool=spool,
        stages=stages,
        clock=ports.clock,
        metrics=metrics,
        doubt=models.doubt,
        limits=RunLimits(_own_scratch(settings), first_beat_s=settings.worker.lease.total_seconds()),
    )


def _build_spool(worker: WorkerSettings) -> Spool:
    root = worker.spool_dir or worker.scratch_dir / "spool"
    spool = Spool(root, worker.spool_mib * BYTES_PER_MIB, worker.spool_kept.total_seconds())
    spool.sweep()
    return spool


def _own_scratch(settings: Settings) -> Path:
    scratch = SweepScratch(settings.worker.scratch_dir, LinuxProcesses())
    scratch.sweep()  # a child that comes is often one that replaces the dead
    return scratch.make_own()
