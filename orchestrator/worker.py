"""The Celery side: a prefork worker whose every message is a pulse, and whose children drain their lane.

The parent stays single-threaded: what it does beside Celery, Celery's own timer calls. Two mappings made before the
fork are all that parent and children share: a byte tells of a warm shutdown, a board of children that hang (ADR 0016).
"""

import gc
import mmap
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import structlog
from billiard.exceptions import WorkerLostError
from billiard.pool import EX_RECYCLE
from celery import Celery, bootsteps
from celery.signals import task_failure, task_received, worker_shutting_down
from kombu.entity import Queue
from prometheus_client import start_http_server

from orchestrator.domain.delivery import SENDING_LANE
from orchestrator.domain.errors import OrchestratorError
from orchestrator.domain.lane import is_solo, solo_lane
from orchestrator.services.deliveries.drain_deliveries import DrainDeliveries
from orchestrator.services.runs.drain import DrainLane
from orchestrator.services.workers.show_signs import ShowSigns
from orchestrator.settings import Settings
from orchestrator.telemetry import collect_shared
from orchestrator.wiring.deliveries import build_sending
from orchestrator.wiring.worker import (
    PULSE,
    WorkerPorts,
    build_celery_app,
    build_drain,
    build_signs,
    build_worker_ports,
    queue_of,
)
from orchestrator.wiring.worker_parent import TICK_S, ParentParts, build_board, build_parent

log = structlog.get_logger()

WATCH_EVERY_S = 0.5
LEAVE_S = 1.0  # as billiard's own recycled children: their last result is read meanwhile


@dataclass
class Child:
    """What one forked child keeps from pulse to pulse."""

    signs: ShowSigns
    build: Callable[[ShowSigns], DrainLane]
    build_sending: Callable[[], DrainDeliveries | None]

    @cached_property
    def drain(self) -> DrainLane:
        drain = self.build(self.signs)
        gc.freeze()  # all of this lives as long as the child: walking it again and again was a tenth of a short run
        return drain

    @cached_property
    def sending(self) -> DrainDeliveries | None:
        return self.build_sending()

    def work(self, lane: str) -> None:
        """Take one pulse; afterwards make room for a fresh child if this one is spent."""
        with self.signs.holding_pulse():  # making the drain takes a second too
            drain = self.drain
            if self.sending is None or is_solo(lane):  # what runs alone may take the child along
                drain.drain(lane)
            else:
                self.sending.beside(lambda: drain.drain(lane), is_over=drain.is_spent)
        if self.drain.is_spent():
            log.info("child.retires")
            threading.Timer(LEAVE_S, os._exit, (EX_RECYCLE,)).start()


def run_worker(
    settings: Settings, *, lane: str, build_ports: Callable[[Settings], WorkerPorts] = build_worker_ports
) -> None:
    """Work on ``lane`` until SIGTERM: finish what runs within the drain time, release the rest, exit 0."""
    stop_flag, board = mmap.mmap(-1, 1), build_board()
    app = build_celery_app(settings)
    queues = [queue_of(lane), queue_of(solo_lane(lane))]
    app.conf.task_queues = [Queue(queue) for queue in queues]

    def build(signs: ShowSigns) -> DrainLane:
        ports = build_ports(settings)
        return build_drain(settings, ports, lane=lane, is_stopping=lambda: stop_flag[0] == 1, note=signs.note)

    def build_beside() -> DrainDeliveries | None:
        return build_sending(settings, is_stopping=lambda: stop_flag[0] == 1) if lane == SENDING_LANE else None

    _register_pulse(app, lambda: Child(build_signs(settings, board), build, build_beside))
    parent = build_parent(settings, board, lane=lane)
    app.steps["worker"].add(_parent_step(parent))
    app.steps["consumer"].add(_listening_step(parent))

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
            f"--hostname={lane.replace('@', '-')}@%h",
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


def _register_pulse(app: Celery, build: Callable[[], Child]) -> None:
    children: dict[int, Child] = {}  # by pid: what a parent made is not for its children

    def pulse(lane: str) -> None:
        pid = os.getpid()
        if pid not in children:
            children[pid] = build()
        children[pid].work(lane)

    app.task(name=PULSE)(pulse)


def _parent_step(parts: ParentParts) -> type[bootsteps.StartStopStep]:
    """A step that gives the parent's own work to Celery's timer, and hears of children that died."""

    def on_failure(exception: BaseException | None = None, **_: object) -> None:
        if isinstance(exception, WorkerLostError):  # in the parent, before the replacement is forked (billiard/pool.py)
            _try(parts.reap)

    def tick() -> None:
        parts.sign()
        parts.reap()

    class Parent(bootsteps.StartStopStep):  # type: ignore[misc]  # celery is untyped
        requires = ("celery.worker.components:Timer", "celery.worker.components:Pool")

        def start(self, worker: object) -> None:
            parts.show(connecting=True)
            _try(tick)
            task_failure.connect(on_failure, weak=False)
            timer = worker.timer  # type: ignore[attr-defined]  # celery's WorkController
            timer.call_repeatedly(TICK_S, _try, (tick,))
            timer.call_repeatedly(WATCH_EVERY_S, _try, (parts.watch,))

    return Parent


def _listening_step(parts: ParentParts) -> type[bootsteps.StartStopStep]:
    """A step that stands between the connection to the broker and the loop that listens to it, for each one anew."""

    def on_pulse(**_: object) -> None:
        parts.deafness.hear()

    def tick() -> None:
        parts.show(connecting=False)
        parts.deafness.tick()

    class Listening(bootsteps.StartStopStep):  # type: ignore[misc]  # celery is untyped
        requires = ("celery.worker.consumer.tasks:Tasks",)

        def start(self, consumer: object) -> None:
            task_received.connect(on_pulse, weak=False)
            parts.show(connecting=False)
            timer = consumer.timer  # type: ignore[attr-defined]  # celery's Consumer
            self.ticking = timer.call_repeatedly(TICK_S, _try, (tick,))

        def stop(self, _consumer: object) -> None:
            self.ticking.cancel()
            parts.show(connecting=True)

    return Listening


def _try(work: Callable[[], None]) -> None:
    """What fails now is tried again by the next tick; leases lapse meanwhile."""
    try:
        work()
    except OrchestratorError as error:
        log.warning("parent.failed", error=str(error))
