"""Who watches the inference servers: a duty of the keeper for each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from orchestrator.adapters.redis.residency import RedisResidency
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.adapters.triton.control import TritonControl
from orchestrator.adapters.triton.engine import TritonEngine
from orchestrator.domain.stall import StallRule
from orchestrator.ports.residency import Residency
from orchestrator.services.residency.watch_triton import WatchedServer, WatchRules, WatchTriton
from orchestrator.settings import Settings
from orchestrator.telemetry import build_watch_metrics
from orchestrator.wiring.instances import build_figures, build_wardens

WATCH_EVERY_S = 1.0  # one that is ill is asked so often, so that it is asked for nothing longer than it is ill


@dataclass(frozen=True, slots=True)
class WatchPorts:
    """The outside as those who watch reach it."""

    residency: Residency
    servers: tuple[WatchedServer, ...]


def build_watch_ports(settings: Settings, scripts: Scripts) -> WatchPorts:
    figures, wardens = build_figures(settings), build_wardens(settings)
    key, within_s = settings.triton.control_key.get_secret_value(), settings.models.canary_within.total_seconds()
    servers = tuple(
        WatchedServer(
            address,
            TritonEngine(address, deadline_s=within_s),
            TritonControl(address, control_key=key),
            figures[address],
            wardens.get(address),
        )
        for address in settings.triton.instances
    )
    return WatchPorts(RedisResidency(scripts), servers)


def build_watches(
    settings: Settings, ports: WatchPorts, *, registry: CollectorRegistry
) -> Iterator[tuple[str, Callable[[], None]]]:
    """Each duty by its name."""
    models, metrics = settings.models, build_watch_metrics(registry)
    rules = WatchRules(models.canary_every.total_seconds(), models.canary_within.total_seconds())
    for server in ports.servers:
        stalls = StallRule(models.stalled_after.total_seconds())
        watch = WatchTriton(server, ports.residency, rules, stalls, SystemClock(), metrics)
        yield f"watch:{server.address}", watch.tick


def longest_tick_s(settings: Settings) -> float:
    """Two canaries that nobody answers. To load a model anew takes longer, but its state tells another keeper."""
    return 2 * settings.models.canary_within.total_seconds() + 5
