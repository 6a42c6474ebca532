"""Reconcile: find what fell through, and ring every lane that has work."""

from dataclasses import asdict, dataclass

import structlog

from orchestrator.ports.pulses import PulseSender
from orchestrator.ports.upkeep import Upkeep
from orchestrator.telemetry import QueueMetrics

log = structlog.get_logger()

FOUND_A_TICK = 500


@dataclass(frozen=True, slots=True)
class Reconcile:
    """A duty: lapsed leases, ended waits, missed deadlines, lost pulses."""

    upkeep: Upkeep
    pulses: PulseSender
    metrics: QueueMetrics

    def tick(self) -> None:
        """One round. A pulse that was lost is replaced here, at most a second later."""
        found = {what: count for what, count in asdict(self.upkeep.reconcile(limit=FOUND_A_TICK)).items() if count}
        for what, count in found.items():
            self.metrics.reconciled.labels(what).inc(count)
        if found:
            log.info("reconcile.found", **found)
        load = self.upkeep.load()
        self.metrics.running.set(load.running)
        self.metrics.delayed.set(load.delayed)
        self.metrics.ready.clear()
        self.metrics.oldest_wait_seconds.clear()
        for lane in load.lanes:
            self.metrics.ready.labels(lane.lane).set(lane.ready)
            self.metrics.oldest_wait_seconds.labels(lane.lane).set(lane.oldest_wait_s)
            if lane.ready:
                self.pulses.ring(lane.lane)
