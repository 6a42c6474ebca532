"""A worker's parts. `build_celery_app` and `build_sign` belong to the parent, `build_drain` to each forked child."""

import os
import secrets
import socket
import threading
from collections.abc import Callable

from billiard.process import current_process
from celery import Celery

from orchestrator.adapters.av_codec.codec import AvCodec
from orchestrator.adapters.celery_pulses import PULSE, CeleryPulses, build_celery, queue_of
from orchestrator.adapters.pillow_images import PillowImages
from orchestrator.adapters.redis.claims import RedisClaims
from orchestrator.adapters.redis.connection import API, WORKER, connect
from orchestrator.adapters.redis.health import RedisHealth
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.adapters.triton.control import TritonControl
from orchestrator.adapters.triton.engine import TritonEngine
from orchestrator.domain.media import DEFAULT_LIMITS
from orchestrator.domain.task import Run
from orchestrator.pipelines.registry import LANE_SLOTS
from orchestrator.services.beat import BeatRuns
from orchestrator.services.drain import DrainLane, Slots
from orchestrator.services.ensure_model import EnsureModel
from orchestrator.services.execute import ExecuteRun, RunLimits
from orchestrator.settings import Settings
from orchestrator.telemetry import RunMetrics, SharedSamples, build_run_metrics
from orchestrator.wiring.measured_engine import MeasuredEngine
from orchestrator.wiring.outside import broker_url, build_storage, lease_ms

__all__ = ["PULSE", "build_celery_app", "build_drain", "build_sign", "queue_of"]


def build_celery_app(settings: Settings) -> Celery:
    return build_celery(broker_url(settings))


def build_sign(settings: Settings, part: str) -> Callable[[], None]:
    """The parent's sign of life; its client connects at the first one."""
    health = RedisHealth(connect(settings.redis.url.get_secret_value(), API))
    return lambda: health.sign(part, os.getpid())


def build_drain(settings: Settings, lane: str, *, is_stopping: Callable[[], bool]) -> DrainLane:
    """Everything with a connection or a thread is made here, after the fork (stack facts A.10)."""
    clock, metrics = SystemClock(), build_run_metrics(_samples(settings, lane))
    claims = RedisClaims(Scripts(connect(settings.redis.url.get_secret_value(), WORKER)), lease_ms(settings))
    beats = BeatRuns(claims, clock)
    execute = _build_execute(settings, claims, clock=clock, metrics=metrics)
    threading.Thread(target=beats.beat_forever, name="beats", daemon=True).start()
    active = metrics.active.labels(lane)

    def run_watched(run: Run) -> None:
        watch = beats.watch(run)
        with active.track_inprogress():
            try:
                execute.execute(watch)
            finally:
                beats.forget(watch)

    return DrainLane(
        claims=claims,
        pulses=CeleryPulses(build_celery(broker_url(settings)), broker_url(settings)),
        clock=clock,
        execute=run_watched,
        end_all=beats.end_all,
        new_run_id=lambda: secrets.token_hex(8),
        is_stopping=is_stopping,
        owner=f"{socket.gethostname()}:{os.getpid()}:{int(clock.monotonic_s() * 1000)}",
        slots=Slots(
            count=LANE_SLOTS[lane],
            drain_s=settings.worker.drain.total_seconds(),
            runs_per_drain=settings.worker.tasks_per_child,
        ),
    )


def _samples(settings: Settings, lane: str) -> SharedSamples | None:
    folder = settings.worker.metrics_dir
    return SharedSamples(folder, f"{lane}-{current_process().index}") if folder else None


def _build_execute(settings: Settings, claims: RedisClaims, *, clock: SystemClock, metrics: RunMetrics) -> ExecuteRun:
    infer_timeout_s = settings.triton.infer_timeout.total_seconds()
    control = TritonControl(settings.triton.grpc, control_key=settings.triton.control_key.get_secret_value())
    models = EnsureModel(control, clock)
    return ExecuteRun(
        claims=claims,
        storage=build_storage(settings),
        engine=MeasuredEngine(TritonEngine(settings.triton.grpc, deadline_s=infer_timeout_s), metrics.triton_seconds),
        pictures=PillowImages(DEFAULT_LIMITS),
        media=AvCodec(DEFAULT_LIMITS),
        clock=clock,
        metrics=metrics,
        ensure=models.ensure,
        doubt=models.doubt,
        limits=RunLimits(
            scratch_dir=settings.worker.scratch_dir,
            media=DEFAULT_LIMITS,
            infer_timeout_s=infer_timeout_s,
            first_beat_s=settings.worker.lease.total_seconds(),
        ),
    )
