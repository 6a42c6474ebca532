"""Reconcile: find what fell through, and mend it."""

from dataclasses import asdict, dataclass

import structlog
from prometheus_client import Counter

from orchestrator.ports.upkeep import Upkeep
from orchestrator.telemetry import count_finds

log = structlog.get_logger()

FOUND_A_TICK = 500


@dataclass(frozen=True, slots=True)
class Reconcile:
    """A duty: lapsed leases, ended waits, missed deadlines. It waits for nothing but the store."""

    upkeep: Upkeep
    reconciled: Counter

    def tick(self) -> None:
        mended = self.upkeep.reconcile(limit=FOUND_A_TICK)
        if found := count_finds(self.reconciled, asdict(mended)):
            log.info("reconcile.found", **found)
