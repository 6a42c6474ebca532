"""The parts of a worker's parent: no threads, and one client of its own that no child ever uses (stack facts A.10)."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from billiard.process import current_process

from orchestrator.adapters.linux_processes import LinuxProcesses
from orchestrator.adapters.mmap_board import MmapBoard
from orchestrator.adapters.redis.connection import API, connect
from orchestrator.adapters.redis.health import RedisHealth
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.ports.signboard import SignBoard
from orchestrator.services.reap_gone import ReapGone
from orchestrator.services.watch_children import WatchChildren
from orchestrator.settings import Settings
from orchestrator.telemetry import build_reap_counter
from orchestrator.wiring.outside import build_samples, build_upkeep

ROWS = 256  # more than a pool has children, also one that was told to grow


@dataclass(frozen=True, slots=True)
class ParentParts:
    """What a parent does beside Celery: ``sign`` that it lives, ``reap`` who died, and ``watch`` who hangs."""

    sign: Callable[[], None]
    reap: Callable[[], None]
    watch: Callable[[], None]


def build_board() -> SignBoard:
    """Make it before the fork: it is shared memory. A replaced child gets its predecessor's index, and so its row."""
    return MmapBoard(LinuxProcesses().node, ROWS, SystemClock(), row=lambda: current_process().index)


def build_parent(settings: Settings, board: SignBoard, *, lane: str) -> ParentParts:
    """The client connects when it is first used; a store that is away holds the parent up for two seconds a call."""
    client = connect(settings.redis.url.get_secret_value(), API)
    processes, health = LinuxProcesses(), RedisHealth(client)
    reconciled = build_reap_counter(build_samples(settings, f"{lane}-parent"))

    def sign() -> None:
        health.sign(f"worker-{lane}", os.getpid())
        health.sign(f"node:{processes.node}", os.getpid())

    return ParentParts(
        sign=sign,
        reap=ReapGone(build_upkeep(settings, Scripts(client)), processes, reconciled).tick,
        watch=WatchChildren(board, processes, SystemClock(), settings.worker.lease.total_seconds()).tick,
    )
