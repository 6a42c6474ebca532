"""Reap silent: the runs of nodes of which nobody hears any more go back to their lanes before their leases lapse."""

from dataclasses import asdict, dataclass

import structlog

from orchestrator.ports.upkeep import Upkeep
from orchestrator.telemetry import QueueMetrics

log = structlog.get_logger()

FOUND_A_TICK = 500


@dataclass(frozen=True, slots=True)
class ReapSilent:
    """A duty, for hosts that went down with all that could have told of it."""

    upkeep: Upkeep
    metrics: QueueMetrics
    silent_s: float

    def tick(self) -> None:
        mended = asdict(self.upkeep.reap_silent(silent_s=self.silent_s, limit=FOUND_A_TICK))
        found = {what: count for what, count in mended.items() if count}
        for what, count in found.items():
            self.metrics.reconciled.labels(what).inc(count)
        if found:
            log.warning("node.silent", **found)
