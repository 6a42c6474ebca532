"""Reconcile: find what fell through, and mend it."""

from dataclasses import asdict, dataclass

import structlog

from orchestrator.ports.upkeep import Upkeep
from orchestrator.telemetry import QueueMetrics

log = structlog.get_logger()

FOUND_A_TICK = 500


@dataclass(frozen=True, slots=True)
class Reconcile:
    """A duty: lapsed leases, ended waits, missed deadlines. It waits for nothing but the store."""

    upkeep: Upkeep
    metrics: QueueMetrics

    def tick(self) -> None:
        found = {what: count for what, count in asdict(self.upkeep.reconcile(limit=FOUND_A_TICK)).items() if count}
        for what, count in found.items():
            self.metrics.reconciled.labels(what).inc(count)
        if found:
            log.info("reconcile.found", **found)
