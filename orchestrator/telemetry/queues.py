"""What the keeper reads from the store, and what was found and mended there."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge

from orchestrator.telemetry.deliveries import OutboxMetrics, build_outbox_metrics
from orchestrator.telemetry.samples import SharedSamples


@dataclass(frozen=True, slots=True)
class QueueMetrics:
    """What the keeper reads from the store, and what it mended there."""

    registry: CollectorRegistry
    reconciled: Counter
    audited: Counter
    audit_rounds: Counter
    mended: Counter
    swept: Counter
    rung: Counter
    ready: Gauge
    oldest_wait_seconds: Gauge
    predicted_seconds: Gauge
    pace: Gauge
    at_quota: Gauge
    paused: Gauge
    no_worker: Gauge
    running: Gauge
    delayed: Gauge
    outbox: OutboxMetrics
    breaker_open: Gauge
    breaker_denied: Gauge


def build_queue_metrics() -> QueueMetrics:
    registry = CollectorRegistry()
    counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
    return QueueMetrics(
        registry=registry,
        reconciled=_build_reconciled(registry),
        audited=counter("orchestrator_audited", "Keys and index entries that audit looked at."),
        audit_rounds=counter("orchestrator_audit_rounds", "Times that audit has looked at everything."),
        mended=counter(
            "orchestrator_audit_mended", "What audit found and mended; each is a fault.", ["fault", "index"]
        ),
        swept=counter("orchestrator_swept", "What was past its retention.", ["what", "outcome"]),
        rung=counter("orchestrator_rings", "Times that the keeper found work in a lane and rang it.", ["lane"]),
        ready=gauge("orchestrator_queue_ready", "Tasks ready to run.", ["lane"]),
        oldest_wait_seconds=gauge("orchestrator_queue_oldest_wait_seconds", "Wait of the oldest ready task.", ["lane"]),
        predicted_seconds=gauge("orchestrator_queue_predicted_seconds", "Work that is ready, as predicted.", ["lane"]),
        pace=gauge("orchestrator_queue_pace", "Predicted seconds of work that a busy second gets done.", ["lane"]),
        at_quota=gauge("orchestrator_queue_projects_at_quota", "Projects that wait for their own runs.", ["lane"]),
        paused=gauge("orchestrator_queue_paused", "Ready tasks of what is paused, or needs what is away.", ["lane"]),
        no_worker=gauge("orchestrator_queue_no_worker", "Ready tasks of lanes that no worker serves.", ["lane"]),
        running=gauge("orchestrator_tasks_running", "Tasks with a lease."),
        delayed=gauge("orchestrator_tasks_delayed", "Tasks that wait for a retry."),
        outbox=build_outbox_metrics(registry),
        breaker_open=gauge("orchestrator_breaker_open", "Dependencies that are away.", ["dependency"]),
        breaker_denied=gauge(
            "orchestrator_breaker_denied", "Dependencies that refuse our credentials.", ["dependency"]
        ),
    )


def build_reap_counter(shared: SharedSamples | None) -> Counter:
    """What a worker's parent counts: the same series as the keeper's, of runs whose process it found dead."""
    if shared is not None:
        shared.open()
    return _build_reconciled(CollectorRegistry())


def _build_reconciled(registry: CollectorRegistry) -> Counter:
    return Counter("orchestrator_reconciled", "Tasks that were found and moved.", ["find"], registry=registry)


def count_finds(reconciled: Counter, mended: Mapping[str, int]) -> dict[str, int]:
    """Count each find; what there was of them, for the log."""
    found = {find: count for find, count in mended.items() if count}
    for find, count in found.items():
        reconciled.labels(find).inc(count)
    return found
