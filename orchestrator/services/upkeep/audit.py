"""Audit: walk slowly over everything in the store, for ever, and mend what contradicts the records."""

from dataclasses import asdict, dataclass

import structlog

from orchestrator.ports.upkeep import Upkeep
from orchestrator.telemetry import QueueMetrics

log = structlog.get_logger()

LOOKS_A_STEP = 50  # about a millisecond of the store: no claim waits longer for a step
STEPS_A_TICK = 10


@dataclass(frozen=True, slots=True)
class Audit:
    """A duty. Nothing here should ever be found: each find is a bug, a hand in the store, or a store that lost data."""

    upkeep: Upkeep
    metrics: QueueMetrics

    def tick(self) -> None:
        """A few small steps of the walk, at most once around."""
        for _ in range(STEPS_A_TICK):
            audited = self.upkeep.audit(limit=LOOKS_A_STEP)
            self.metrics.audited.inc(audited.looked)
            for find in audited.finds:
                self.metrics.mended.labels(find.fault, find.index).inc()
                log.warning("audit.mended", **asdict(find))
            if audited.has_come_round:
                self.metrics.audit_rounds.inc()
                return
