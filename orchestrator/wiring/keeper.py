"""The keeper's parts."""

import os
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from orchestrator.adapters.celery_pulses import CeleryPulses, build_celery
from orchestrator.adapters.redis.connection import WORKER, connect
from orchestrator.adapters.redis.health import ALIVE_S, RedisHealth
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.ports.breakers import Breakers
from orchestrator.ports.deliveries import DeliveryUpkeep
from orchestrator.ports.journal import Journal
from orchestrator.ports.parts import PartStorage
from orchestrator.ports.pulses import PulseSender
from orchestrator.ports.storage import ObjectStorage
from orchestrator.ports.upkeep import Upkeep
from orchestrator.services.deliveries.wake_deliveries import WakeDeliveries
from orchestrator.services.journal.keep_tenants import KeepTenants
from orchestrator.services.models.sweep_pushes import SweepPushes
from orchestrator.services.upkeep.audit import Audit
from orchestrator.services.upkeep.find_out import FindOut
from orchestrator.services.upkeep.move_back import MoveBack
from orchestrator.services.upkeep.reap_silent import ReapSilent
from orchestrator.services.upkeep.reconcile import Reconcile
from orchestrator.services.upkeep.ring_lanes import RingLanes
from orchestrator.services.upkeep.sweep import Purge, Sweep, nothing_cached
from orchestrator.services.upkeep.sweep_parts import SweepParts
from orchestrator.services.upkeep.sweep_strays import SweepStrays
from orchestrator.services.uploads.end_offers import EndOffers
from orchestrator.settings import Settings
from orchestrator.telemetry import QueueMetrics, build_queue_metrics
from orchestrator.wiring.breakers import build_breakers, build_probes
from orchestrator.wiring.cdn import build_purge
from orchestrator.wiring.deliveries import build_deliveries
from orchestrator.wiring.fallback import build_both, build_move_back
from orchestrator.wiring.journal import build_journal, build_tenants
from orchestrator.wiring.outside import broker_url, build_parts, build_upkeep
from orchestrator.wiring.probe import name_instance
from orchestrator.wiring.residency import RESTART_LEASE_S, Lease, ResidencyPorts, build_owners, build_residency_ports
from orchestrator.wiring.swaps import SwapPorts, build_swap_duty, build_swap_ports
from orchestrator.wiring.watch import WATCH_EVERY_S, WatchPorts, build_watch_ports, build_watches, longest_tick_s

WAKE_EVERY_S = 0.5  # what nobody sends yet waits no longer
AUDIT_EVERY_S = 1.0
SWEEP_EVERY_S = 10.0
SWAPS_EVERY_S = 1.0
MOVE_BACK_EVERY_S = 10.0
SWEEP_STRAYS_EVERY_S = 60.0
SWEEP_PARTS_EVERY_S = 600.0
SWEEP_PUSHES_EVERY_S = 3600.0
KEEP_TENANTS_EVERY_S = 5.0
FORGET_GONE_EVERY_S = 6 * 3600.0
ORPHAN_S = 3600.0  # what a killed worker left in parts is gone by then (fault 28)


@dataclass(frozen=True, slots=True)
class Duty:
    """Run by one keeper at a time, every ``every_s`` seconds: by this one if ``take`` says so, until it leaves."""

    name: str
    every_s: float
    take: Callable[[], bool]
    tick: Callable[[], None]
    leave: Callable[[], None]


@dataclass(frozen=True, slots=True)
class KeeperPorts:
    """The outside as the keeper reaches it. A crash test puts its own door before one of them."""

    upkeep: Upkeep
    pulses: PulseSender
    storage: ObjectStorage
    parts: PartStorage
    deliveries: DeliveryUpkeep
    breakers: Breakers
    probes: Mapping[str, Callable[[], None]]
    sign: Callable[[], None]
    journal: Journal | None = None
    tenants: KeepTenants | None = None
    purge_cached: Purge = nothing_cached
    move_back: MoveBack | None = None
    swaps: SwapPorts | None = None
    watch: WatchPorts | None = None
    residency: ResidencyPorts | None = None


@dataclass(frozen=True, slots=True)
class KeeperParts:
    """The duties, the keeper's own sign of life, and what it counts."""

    duties: tuple[Duty, ...]
    sign: Callable[[], None]
    metrics: QueueMetrics


def build_keeper_ports(settings: Settings) -> KeeperPorts:
    client = connect(settings.redis.url.get_secret_value(), WORKER)
    scripts = Scripts(client)
    journal, breakers = build_journal(settings), build_breakers(settings)
    return KeeperPorts(
        upkeep=build_upkeep(settings, scripts),
        pulses=CeleryPulses(build_celery(broker_url(settings)), broker_url(settings)),
        storage=build_both(settings),
        parts=build_parts(settings),
        deliveries=build_deliveries(settings, scripts),
        breakers=breakers,
        move_back=build_move_back(settings, scripts, breakers=breakers),
        probes=build_probes(settings),
        sign=lambda: RedisHealth(client).sign(name_instance("keeper", os.getpid()), os.getpid()),
        journal=journal,
        tenants=build_tenants(scripts, journal),
        purge_cached=build_purge(settings, scripts),
        swaps=build_swap_ports(settings, scripts),
        watch=build_watch_ports(settings, scripts),
        residency=build_residency_ports(settings, scripts),
    )


def build_keeper_parts(settings: Settings, ports: KeeperPorts) -> KeeperParts:
    """Any number of keepers may run: a Redis lease per duty picks one."""
    upkeep, metrics = ports.upkeep, build_queue_metrics()
    # In containers that share a host's name, every keeper may be process 1.
    holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    tick_s = settings.keeper.tick.total_seconds()
    sweep = Sweep(upkeep, ports.storage, metrics, ports.journal, ports.purge_cached)
    wake = WakeDeliveries(ports.deliveries, ports.pulses, metrics.outbox)

    def duty(name: str, tick: Callable[[], None], *, every_s: float, longest_s: float = 0.0) -> Duty:
        return Duty(
            name,
            every_s,
            take=lambda: upkeep.take_duty(name, holder, ttl_s=max(5 * every_s, longest_s)),
            tick=tick,
            leave=lambda: upkeep.leave_duty(name, holder),
        )

    return KeeperParts(
        duties=(
            duty("reconcile", Reconcile(upkeep, metrics.reconciled).tick, every_s=tick_s),
            duty("ring", RingLanes(upkeep, ports.pulses, metrics).tick, every_s=tick_s),
            duty("deliveries", wake.tick, every_s=WAKE_EVERY_S),
            duty("audit", Audit(upkeep, metrics).tick, every_s=AUDIT_EVERY_S),
            duty("reap", ReapSilent(upkeep, metrics.reconciled, _silent_s(settings)).tick, every_s=tick_s),
            duty("find_out", FindOut(ports.breakers, ports.probes, metrics).tick, every_s=tick_s),
            duty("sweep_parts", _sweep_parts(settings, ports.parts).tick, every_s=SWEEP_PARTS_EVERY_S),
            duty("sweep_pushes", _sweep_pushes(settings, ports.storage).tick, every_s=SWEEP_PUSHES_EVERY_S),
            duty("end_offers", EndOffers(upkeep, ports.storage).tick, every_s=SWEEP_EVERY_S),
            duty("sweep_strays", SweepStrays(upkeep, ports.storage).tick, every_s=SWEEP_STRAYS_EVERY_S),
            duty("sweep", sweep.tick, every_s=SWEEP_EVERY_S),
            *([duty("move_back", ports.move_back.tick, every_s=MOVE_BACK_EVERY_S)] if ports.move_back else []),
            *_swap_duties(settings, ports, duty=duty),
            *_journal_duties(ports, duty),
            *_watches(settings, ports, metrics=metrics, duty=duty),
            *_owners(settings, ports, metrics=metrics, holder=holder, duty=duty),
        ),
        sign=ports.sign,
        metrics=metrics,
    )


def _journal_duties(ports: KeeperPorts, duty: Callable[..., Duty]) -> Iterator[Duty]:
    if ports.journal and ports.tenants:
        yield duty("keep_tenants", ports.tenants.tick, every_s=KEEP_TENANTS_EVERY_S)
        yield duty("forget_gone", ports.journal.forget_gone, every_s=FORGET_GONE_EVERY_S)


def _swap_duties(settings: Settings, ports: KeeperPorts, *, duty: Callable[..., Duty]) -> Iterator[Duty]:
    if ports.swaps:
        yield duty("swaps", build_swap_duty(settings, ports.swaps).tick, every_s=SWAPS_EVERY_S)


def _watches(
    settings: Settings, ports: KeeperPorts, *, metrics: QueueMetrics, duty: Callable[..., Duty]
) -> Iterator[Duty]:
    if ports.watch:
        for name, tick in build_watches(settings, ports.watch, registry=metrics.registry):
            yield duty(name, tick, every_s=WATCH_EVERY_S, longest_s=longest_tick_s(settings))


def _owners(
    settings: Settings, ports: KeeperPorts, *, metrics: QueueMetrics, holder: str, duty: Callable[..., Duty]
) -> Iterator[Duty]:
    def lease(address: str) -> Lease:
        who = f"{holder}:{address}"
        return Lease(
            take=lambda: ports.upkeep.take_duty("restart", who, ttl_s=RESTART_LEASE_S),
            leave=lambda: ports.upkeep.leave_duty("restart", who),
        )

    if ports.residency:
        for name, tick, every_s in build_owners(settings, ports.residency, registry=metrics.registry, lease=lease):
            yield duty(name, tick, every_s=every_s)


def _sweep_parts(settings: Settings, parts: PartStorage) -> SweepParts:
    store_s = settings.stages.store.total_seconds()  # a worker may be storing for so long
    expires_s = max(ORPHAN_S - SWEEP_PARTS_EVERY_S, 1.5 * store_s)
    return SweepParts(parts, settings.uploads.expires.total_seconds(), artifact_expires_s=expires_s)


def _sweep_pushes(settings: Settings, storage: ObjectStorage) -> SweepPushes:
    return SweepPushes(storage, settings.uploads.expires.total_seconds())


def _silent_s(settings: Settings) -> float:
    """Longer than a pause of the store may last before it counts as a gap, a third of a lease (`lapse.lua`)."""
    return max(float(ALIVE_S), settings.worker.lease.total_seconds() / 2)
