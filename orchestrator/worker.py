"""The Celery side: a prefork worker whose every message is a pulse, and whose children drain their lane.

The parent stays single-threaded; a byte in a mapping made before the fork tells the children of a warm shutdown
(stack facts, head of page and H).
"""

import mmap
import os
import signal
import threading
from collections.abc import Callable

import structlog
from celery import Celery, bootsteps
from celery.signals import worker_shutting_down
from kombu.entity import Queue
from prometheus_client import start_http_server

from orchestrator.domain.errors import OrchestratorError
from orchestrator.domain.task import solo_lane
from orchestrator.services.drain import DrainLane
from orchestrator.settings import Settings
from orchestrator.telemetry import collect_shared
from orchestrator.wiring.worker import (
    PULSE,
    build_celery_app,
    build_drain,
    build_sign,
    build_worker_ports,
    queue_of,
)

log = structlog.get_logger()

SIGN_EVERY_S = 2.0
PULSES_PER_CHILD = 200
KIB_PER_MIB = 1024


def run_worker(settings: Settings, *, lane: str) -> None:
    """Work on ``lane`` until SIGTERM: finish what runs within the drain time, release the rest, exit 0."""
    stop_flag = mmap.mmap(-1, 1)
    app = build_celery_app(settings)
    queues = [queue_of(lane), queue_of(solo_lane(lane))]
    app.conf.task_queues = [Queue(queue) for queue in queues]
    app.conf.worker_max_tasks_per_child = PULSES_PER_CHILD
    app.conf.worker_max_memory_per_child = settings.worker.memory_per_child_mib * KIB_PER_MIB

    def build_here() -> DrainLane:
        return build_drain(settings, build_worker_ports(settings), lane=lane, is_stopping=lambda: stop_flag[0] == 1)

    _register_pulse(app, build_here)
    app.steps["worker"].add(_sign_step(build_sign(settings, f"worker-{lane}")))

    def raise_flag(**_: object) -> None:
        stop_flag[0] = 1

    worker_shutting_down.connect(raise_flag, weak=False)
    app.worker_main(
        [
            "--quiet",
            "worker",
            "--pool=prefork",
            f"--concurrency={settings.worker.concurrency}",
            f"--queues={','.join(queues)}",
            f"--hostname={lane}@%h",
            "--without-gossip",
            "--without-mingle",
            "--loglevel=WARNING",
        ]
    )


def run_metrics(settings: Settings) -> None:
    """Serve the samples of all workers that share the metrics folder, until SIGTERM or SIGINT.

    Raises:
        OrchestratorError: no folder is configured.
    """
    if settings.worker.metrics_dir is None:
        raise OrchestratorError("set ORCH_WORKER__METRICS_DIR to the folder that the workers use", code="bad_settings")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    start_http_server(settings.worker.metrics_port, registry=collect_shared(settings.worker.metrics_dir))
    stopping.wait()


def _register_pulse(app: Celery, build: Callable[[], DrainLane]) -> None:
    drains: dict[int, DrainLane] = {}  # by pid: what a parent made is not for its children

    def pulse(lane: str) -> None:
        pid = os.getpid()
        if pid not in drains:
            drains[pid] = build()
        drains[pid].drain(lane)

    app.task(name=PULSE)(pulse)


def _sign_step(sign: Callable[[], None]) -> type[bootsteps.StartStopStep]:
    """A step that leaves the parent's sign of life from Celery's own timer: no thread."""

    def try_sign() -> None:
        try:
            sign()
        except OrchestratorError as error:
            log.warning("sign.failed", error=str(error))

    class SignOfLife(bootsteps.StartStopStep):  # type: ignore[misc]  # celery is untyped
        requires = ("celery.worker.components:Timer",)

        def start(self, parent: object) -> None:
            try_sign()
            parent.timer.call_repeatedly(SIGN_EVERY_S, try_sign)  # type: ignore[attr-defined]  # celery's WorkController

    return SignOfLife
