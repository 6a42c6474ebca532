"""The owners of the inference servers, each a duty of the keeper."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from orchestrator.adapters.redis.residency import RedisResidency
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.adapters.triton.control import TritonControl
from orchestrator.adapters.triton.gpu_memory import TritonGpuMemory
from orchestrator.adapters.triton.pools import TritonPools
from orchestrator.domain.model import Release
from orchestrator.domain.residency import Rules
from orchestrator.ports.inference import ModelControl
from orchestrator.ports.residency import Residency
from orchestrator.ports.warden import MemoryGauge, Warden
from orchestrator.services.models.sync_release import SyncRelease
from orchestrator.services.residency.keep_resident import KeepResident, Wishes
from orchestrator.services.residency.make_moves import MakeMoves
from orchestrator.services.residency.move_release import MoveRelease
from orchestrator.services.residency.observe_instance import ObserveInstance
from orchestrator.services.residency.restart_instance import RestartInstance
from orchestrator.services.residency.show_residents import Pools, ShowResidents
from orchestrator.settings import ModelSettings, Settings
from orchestrator.telemetry import build_resident_metrics
from orchestrator.wiring.gate import build_gate, build_warm_up
from orchestrator.wiring.instances import build_stored_releases, build_syncs, build_wardens, by_instance

BYTES_PER_MIB = 1 << 20
KEEP_EVERY_S = 1.0
SHOW_EVERY_S = 5.0
SYNC_EVERY_S = 60.0
RESTART_LEASE_S = 60.0


@dataclass(frozen=True, slots=True)
class OwnedServer:
    """An inference server as its owner reaches it.

    ``bring`` fetches the files of a pushed release, ``warm_up`` sends one that is loaded its own samples.
    """

    address: str
    control: ModelControl
    gauge: MemoryGauge
    bring: Callable[[Release], None]
    warm_up: Callable[[Release], None]
    warden: Warden | None = None
    pools: Pools | None = None


@dataclass(frozen=True, slots=True)
class ResidencyPorts:
    """The outside as the owners reach it."""

    residency: Residency
    servers: tuple[OwnedServer, ...]
    syncs: tuple[SyncRelease, ...] = ()


@dataclass(frozen=True, slots=True)
class Lease:
    """The one for restarts, of all instances."""

    take: Callable[[], bool]
    leave: Callable[[], None]


def build_residency_ports(settings: Settings, scripts: Scripts) -> ResidencyPorts:
    triton, key = settings.triton, settings.triton.control_key.get_secret_value()
    wardens, syncs = build_wardens(settings), build_syncs(settings, scripts)
    gate = build_gate(settings, build_stored_releases(settings))
    metrics_urls = dict(by_instance(triton, triton.metrics_url))
    servers = (
        OwnedServer(
            address,
            TritonControl(address, control_key=key),
            wardens.get(address) or TritonGpuMemory(metrics_urls.get(address, "")),
            syncs[address].bring if address in syncs else _comes_from_elsewhere,
            build_warm_up(gate, address),
            wardens.get(address),
            TritonPools(metrics_urls[address]).read if address in metrics_urls else None,
        )
        for address in triton.instances
    )
    return ResidencyPorts(RedisResidency(scripts), tuple(servers), tuple(syncs.values()))


def _comes_from_elsewhere(_release: Release) -> None:
    """Without a warden."""


def build_owners(
    settings: Settings, ports: ResidencyPorts, *, registry: CollectorRegistry, lease: Callable[[str], Lease]
) -> Iterator[tuple[str, Callable[[], None], float]]:
    """Each duty by its name, and how often it ticks. ``lease`` is that for restarts, in the name of an instance."""
    metrics = build_resident_metrics(registry)
    addresses = tuple(server.address for server in ports.servers)
    wishes = build_wishes(settings.models, addresses)
    for server in ports.servers:
        clock, restart = SystemClock(), lease(server.address)
        restarts = RestartInstance(server.warden, clock, restart.take, restart.leave)
        files = {"bring": server.bring, "warm_up": server.warm_up}
        mover = MoveRelease(server.address, server.control, server.gauge, ports.residency, clock, **files)
        executor = ThreadPoolExecutor(1, thread_name_prefix="residency")
        owner = KeepResident(
            server.address,
            ObserveInstance(
                server.control, server.gauge, ports.residency, _budget(settings.models), _names(settings.models.keep)
            ),
            MakeMoves(mover, ports.residency, restarts.begin, executor, metrics),
            restarts,
            ports.residency,
            wishes,
            metrics,
        )
        yield f"residency:{server.address}", owner.tick, KEEP_EVERY_S
    for sync in ports.syncs:
        yield f"sync:{sync.address}", sync.tick, SYNC_EVERY_S
    pools = {server.address: server.pools for server in ports.servers if server.pools}
    yield "residents", ShowResidents(ports.residency, metrics, pools).tick, SHOW_EVERY_S


def build_wishes(models: ModelSettings, addresses: tuple[str, ...]) -> Wishes:
    host_bytes = models.host_memory_mib * BYTES_PER_MIB if models.host_memory_mib else None
    preload = _names(models.preload)
    return Wishes(
        Rules(int(models.min_residency.total_seconds() * 1000), models.leaks, host_bytes),
        preload=(*preload, *_names(models.keep)) if preload else (),
        freed_within_ms=int(models.freed_within.total_seconds() * 1000),
        addresses=addresses,
    )


def _budget(models: ModelSettings) -> int | None:
    return models.memory_budget_mib * BYTES_PER_MIB if models.memory_budget_mib else None


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
