"""The keeper: runs the duties, each at its own pace, until it is told to stop."""

import signal
import threading
import time
from collections.abc import Callable
from functools import partial

import structlog
from prometheus_client import start_http_server

from orchestrator.domain.errors import OrchestratorError
from orchestrator.settings import Settings
from orchestrator.wiring.keeper import Duty, build_keeper_parts, build_keeper_ports

log = structlog.get_logger()

SIGN_EVERY_S = 2.0
LAST_TICK_S = 2.0


def run_keeper(settings: Settings) -> None:
    """Run the duties until SIGTERM or SIGINT. One that fails is tried again in its next round.

    Each has a thread: a slow sweep must not hold up the recovery of leases.
    """
    parts = build_keeper_parts(settings, build_keeper_ports(settings))
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    start_http_server(settings.keeper.metrics_port, registry=parts.metrics.registry)
    threads = [threading.Thread(target=repeat, args=(duty, stopping), daemon=True) for duty in parts.duties]
    for thread in threads:
        thread.start()
    log.info("keeper.started", duties=[duty.name for duty in parts.duties])
    while not stopping.is_set():
        _try("sign", parts.sign)
        stopping.wait(SIGN_EVERY_S)
    deadline_s = time.monotonic() + LAST_TICK_S
    for thread in threads:
        thread.join(max(0.0, deadline_s - time.monotonic()))
    log.info("keeper.stopped")


def repeat(duty: Duty, stopping: threading.Event) -> None:
    """Run ``duty`` whenever it is ours; at the end leave it to another keeper. A tick that hangs loses it in time."""
    while not stopping.is_set():
        _try(duty.name, partial(_run, duty))
        stopping.wait(duty.every_s)
    _try(duty.name, duty.leave)


def _run(duty: Duty) -> None:
    if duty.take():
        duty.tick()


def _try(name: str, work: Callable[[], None]) -> None:
    try:
        work()
    except OrchestratorError as error:
        log.warning("duty.failed", duty=name, error=str(error))
    except Exception:
        log.exception("duty.bug", duty=name)
