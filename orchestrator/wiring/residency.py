"""The owners of the inference servers, each a duty of the keeper."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest

from prometheus_client import CollectorRegistry

from orchestrator.adapters.redis.residency import RedisResidency
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.adapters.triton.control import TritonControl
from orchestrator.adapters.triton.gpu_memory import TritonGpuMemory
from orchestrator.adapters.triton.pools import TritonPools
from orchestrator.adapters.triton_warden import TritonWarden
from orchestrator.domain.model import Release
from orchestrator.domain.residency import Rules
from orchestrator.ports.inference import ModelControl
from orchestrator.ports.releases import Releases
from orchestrator.ports.residency import Residency
from orchestrator.ports.warden import MemoryGauge, Warden
from orchestrator.services.keep_resident import KeepResident, Wishes
from orchestrator.services.make_moves import MakeMoves
from orchestrator.services.move_release import MoveRelease
from orchestrator.services.observe_instance import ObserveInstance
from orchestrator.services.restart_instance import RestartInstance
from orchestrator.services.show_residents import Pools, ShowResidents
from orchestrator.services.stored_releases import StoredReleases
from orchestrator.settings import ModelSettings, Settings
from orchestrator.telemetry import build_resident_metrics
from orchestrator.wiring.outside import build_storage

BYTES_PER_MIB = 1 << 20
KEEP_EVERY_S = 1.0
SHOW_EVERY_S = 5.0
RESTART_LEASE_S = 60.0


@dataclass(frozen=True, slots=True)
class OwnedServer:
    """An inference server as its owner reaches it. ``bring`` fetches the files of a pushed release."""

    address: str
    control: ModelControl
    gauge: MemoryGauge
    bring: Callable[[Release], None]
    warden: Warden | None = None
    pools: Pools | None = None


@dataclass(frozen=True, slots=True)
class ResidencyPorts:
    """The outside as the owners reach it."""

    residency: Residency
    servers: tuple[OwnedServer, ...]


@dataclass(frozen=True, slots=True)
class Lease:
    """The one for restarts, of all instances."""

    take: Callable[[], bool]
    leave: Callable[[], None]


def build_residency_ports(settings: Settings, scripts: Scripts) -> ResidencyPorts:
    triton = settings.triton
    releases = StoredReleases(build_storage(settings), settings.s3.url_expires.total_seconds())
    urls = zip_longest(triton.instances, _names(triton.metrics_url), _names(triton.warden_url), fillvalue="")
    servers = (_server(settings, releases, address=address, urls=rest) for address, *rest in urls if address)
    return ResidencyPorts(RedisResidency(scripts), tuple(servers))


def _server(settings: Settings, releases: Releases, *, address: str, urls: Sequence[str]) -> OwnedServer:
    metrics_url, warden_url = urls
    key = settings.triton.control_key.get_secret_value()
    warden = TritonWarden(warden_url, control_key=key) if warden_url else None

    def bring(release: Release) -> None:
        """Without a warden the files come from elsewhere."""
        if warden:
            manifest = releases.find(release)
            warden.fetch(release.name, manifest=manifest.render(), urls=releases.links(manifest))

    return OwnedServer(
        address,
        TritonControl(address, control_key=key),
        warden or TritonGpuMemory(metrics_url),
        bring,
        warden,
        TritonPools(metrics_url).read,
    )


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
        mover = MoveRelease(server.address, server.control, server.gauge, ports.residency, clock, server.bring)
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
