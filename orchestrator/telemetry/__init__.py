"""How this service speaks of itself: structured logs, and Prometheus metrics.

Metrics are made once per process and passed down; each kind of process exports only what it counts.
"""

from orchestrator.telemetry.deliveries import OutboxMetrics, SendMetrics, build_outbox_metrics, build_send_metrics
from orchestrator.telemetry.intake import IntakeMetrics, build_intake_metrics
from orchestrator.telemetry.labels import BoundedLabels
from orchestrator.telemetry.logs import configure_logging, name_bound_run, redact
from orchestrator.telemetry.queues import QueueMetrics, build_queue_metrics, build_reap_counter, count_finds
from orchestrator.telemetry.residents import ResidentMetrics, build_resident_metrics
from orchestrator.telemetry.runs import SECONDS, RunMetrics, build_run_metrics
from orchestrator.telemetry.samples import SharedSamples, collect_shared
from orchestrator.telemetry.watch import WatchMetrics, build_watch_metrics

__all__ = [
    "SECONDS",
    "BoundedLabels",
    "IntakeMetrics",
    "OutboxMetrics",
    "QueueMetrics",
    "ResidentMetrics",
    "RunMetrics",
    "SendMetrics",
    "SharedSamples",
    "WatchMetrics",
    "build_intake_metrics",
    "build_outbox_metrics",
    "build_queue_metrics",
    "build_reap_counter",
    "build_resident_metrics",
    "build_run_metrics",
    "build_send_metrics",
    "build_watch_metrics",
    "collect_shared",
    "configure_logging",
    "count_finds",
    "name_bound_run",
    "redact",
]
