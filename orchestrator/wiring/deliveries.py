"""What sends deliveries, and what the keeper does for them."""

import secrets
from collections.abc import Callable, Mapping
from functools import partial

from prometheus_client import CollectorRegistry

from orchestrator.adapters.linux_processes import LinuxProcesses
from orchestrator.adapters.redis.connection import WORKER, connect
from orchestrator.adapters.redis.deliveries import RedisDeliveries
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.domain.delivery import JOURNAL, PAYLOAD, WEBHOOK
from orchestrator.domain.owner import Owner
from orchestrator.ports.destinations import Sender
from orchestrator.services.deliveries.deliver import Deliver
from orchestrator.services.deliveries.drain_deliveries import DrainDeliveries, SendSlots
from orchestrator.settings import Settings
from orchestrator.telemetry import build_send_metrics
from orchestrator.wiring.breakers import build_breakers
from orchestrator.wiring.content import build_tell_content
from orchestrator.wiring.journal import build_journal_sender
from orchestrator.wiring.outside import lease_ms
from orchestrator.wiring.webhooks import build_send_webhook

MakeSender = Callable[[Settings], Sender | None]

# Each kind of destination is a line here. One that is not configured makes no sender, and its deliveries wait for a
# worker that has one.
SENDERS: Mapping[str, MakeSender] = {
    PAYLOAD: build_tell_content,
    WEBHOOK: build_send_webhook,
    JOURNAL: build_journal_sender,
}


def build_senders(settings: Settings) -> dict[str, Sender]:
    made = {kind: make(settings) for kind, make in SENDERS.items()}
    return {kind: sender for kind, sender in made.items() if sender is not None}


def build_deliveries(settings: Settings, scripts: Scripts, *, kinds: frozenset[str] = frozenset()) -> RedisDeliveries:
    """``kinds`` are those that the process can send."""
    said = settings.deliveries
    at_once = {PAYLOAD: said.payload_at_once, WEBHOOK: said.at_once, JOURNAL: said.at_once}
    return RedisDeliveries(scripts, lease_ms(settings), {kind: at_once[kind] for kind in kinds})


def build_sending(
    settings: Settings,
    *,
    is_stopping: Callable[[], bool],
    senders: Mapping[str, Sender] | None = None,
) -> DrainDeliveries | None:
    """What a child of an io worker does beside its tasks; make it after its drain, which says where metrics go.

    None when there is nobody that it could tell.
    """
    senders = build_senders(settings) if senders is None else senders
    if not senders:
        return None
    scripts = Scripts(connect(settings.redis.url.get_secret_value(), WORKER))
    outbox, clock = build_deliveries(settings, scripts, kinds=frozenset(senders)), SystemClock()
    breakers, metrics = build_breakers(settings), build_send_metrics(CollectorRegistry())
    deliver = Deliver(outbox, senders, breakers, clock, metrics, must_leave=is_stopping)
    return DrainDeliveries(
        outbox=outbox,
        deliver=deliver.deliver,
        clock=clock,
        new_claim=partial(_new_claim, LinuxProcesses().this()),
        is_stopping=is_stopping,
        slots=SendSlots(
            settings.deliveries.slots,
            renew_s=settings.worker.lease.total_seconds() / 3,
            drain_s=settings.worker.drain.total_seconds(),
        ),
    )


def _new_claim(sender: Owner) -> str:
    """Of a sender that is known to be dead nobody waits for the lapse."""
    return f"{sender}/{secrets.token_hex(8)}"
