"""The parts of a worker's parent: no threads, and one client of its own that no child ever uses (stack facts A.10)."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Protocol

from billiard.process import current_process

from orchestrator.adapters.celery_pulses import CeleryPulses, build_celery
from orchestrator.adapters.linux_processes import LinuxProcesses
from orchestrator.adapters.mmap_board import MmapBoard
from orchestrator.adapters.redis.connection import API, connect
from orchestrator.adapters.redis.health import RedisHealth
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.domain.lane import solo_lane
from orchestrator.ports.processes import Processes
from orchestrator.ports.signboard import SignBoard
from orchestrator.ports.worker_signs import WorkerSign
from orchestrator.services.workers.notice_deafness import NoticeDeafness
from orchestrator.services.workers.reap_gone import ReapGone
from orchestrator.services.workers.watch_children import WatchChildren
from orchestrator.settings import Settings
from orchestrator.telemetry import build_reap_counter
from orchestrator.wiring.outside import broker_url, build_samples, build_upkeep
from orchestrator.wiring.probe import build_worker_signs

TICK_S = 2.0
ROWS = 256  # more than a pool has children, also one that was told to grow


class Show(Protocol):
    """Tells this node that the parent's main loop comes round, or that it waits for the broker."""

    def __call__(self, *, connecting: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class ParentParts:
    """What a parent does beside Celery: ``show`` that it moves, ``sign`` for its node, ``reap`` who died, ``watch`` who
    hangs, and notice when pulses come no more.
    """

    show: Show
    sign: Callable[[], None]
    reap: Callable[[], None]
    watch: Callable[[], None]
    deafness: NoticeDeafness


def build_board() -> SignBoard:
    """Make it before the fork: it is shared memory. A replaced child gets its predecessor's index, and so its row."""
    return MmapBoard(LinuxProcesses().node, ROWS, SystemClock(), row=lambda: current_process().index)


def build_parent(settings: Settings, board: SignBoard, *, lane: str) -> ParentParts:
    """The client connects when it is first used; a store that is away holds the parent up for two seconds a call."""
    client = connect(settings.redis.url.get_secret_value(), API)
    processes, health = LinuxProcesses(), RedisHealth(client)
    reconciled = build_reap_counter(build_samples(settings, f"{lane}-parent"))

    clock, signs, me = SystemClock(), build_worker_signs(settings.worker.scratch_dir), processes.this()

    def show(*, connecting: bool) -> None:
        signs.show(WorkerSign(me, lane, clock.monotonic_s(), connecting))

    def sign() -> None:
        health.sign(f"node:{processes.node}", os.getpid())
        health.sign(f"worker-{lane}", os.getpid())

    return ParentParts(
        show=show,
        sign=sign,
        reap=ReapGone(build_upkeep(settings, Scripts(client)), processes, reconciled).tick,
        watch=WatchChildren(board, processes, clock, settings.worker.lease.total_seconds()).tick,
        deafness=_build_deafness(settings, board, processes=processes, lane=lane),
    )


def _build_deafness(settings: Settings, board: SignBoard, *, processes: Processes, lane: str) -> NoticeDeafness:
    pulses = CeleryPulses(build_celery(broker_url(settings)), broker_url(settings))
    return NoticeDeafness(
        waiting=lambda: pulses.waiting(lane) + pulses.waiting(solo_lane(lane)),
        is_free=lambda: sum(processes.is_alive(sign.owner) for sign in board.read()) < settings.worker.concurrency,
        end=lambda: os.kill(os.getpid(), signal.SIGTERM),  # Celery's warm shutdown: what runs is finished or released
        patience=ceil(settings.worker.deaf_after.total_seconds() / TICK_S),
    )
