"""The keeper: runs the duties, one round a second, until it is told to stop."""

import signal
import threading
from collections.abc import Callable
from functools import partial
from itertools import count

import structlog
from prometheus_client import start_http_server

from orchestrator.domain.errors import OrchestratorError
from orchestrator.settings import Settings
from orchestrator.wiring.keeper import Duty, build_keeper_parts

log = structlog.get_logger()


def run_keeper(settings: Settings) -> None:
    """Run the duties until SIGTERM or SIGINT. One that fails is tried again in its next round."""
    parts = build_keeper_parts(settings)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    start_http_server(settings.keeper.metrics_port, registry=parts.metrics.registry)
    log.info("keeper.started", duties=[duty.name for duty in parts.duties])
    for turn in count():
        _try("sign", parts.sign)
        for duty in parts.duties:
            if turn % duty.every == 0:
                _try(duty.name, partial(_run, duty))
        if stopping.wait(settings.keeper.tick.total_seconds()):
            break
    log.info("keeper.stopped")


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
