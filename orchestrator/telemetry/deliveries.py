"""What the senders of deliveries count, and what the keeper sees of their queues."""

from dataclasses import dataclass
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge


@dataclass(frozen=True, slots=True)
class SendMetrics:
    """By kind of destination; ``outcome`` is `ok`, `failed`, `held` or `given_up`."""

    sent: Counter


@dataclass(frozen=True, slots=True)
class OutboxMetrics:
    """What is still to be told, by kind of destination."""

    woken: Counter
    pending: Gauge
    oldest_seconds: Gauge


def build_send_metrics(registry: CollectorRegistry) -> SendMetrics:
    return SendMetrics(
        Counter("orchestrator_deliveries", "Events sent, by what came of it.", ["kind", "outcome"], registry=registry)
    )


def build_outbox_metrics(registry: CollectorRegistry) -> OutboxMetrics:
    gauge = partial(Gauge, labelnames=["kind"], registry=registry)
    return OutboxMetrics(
        woken=Counter("orchestrator_deliveries_woken", "Deliveries put back.", ["find"], registry=registry),
        pending=gauge("orchestrator_deliveries_pending", "Deliveries with something to tell."),
        oldest_seconds=gauge("orchestrator_deliveries_oldest_seconds", "Age of the oldest of them."),
    )
