"""Reap silent: the runs of nodes of which nobody hears any more go back to their lanes before their leases lapse."""

from dataclasses import asdict, dataclass

import structlog
from prometheus_client import Counter

from orchestrator.ports.upkeep import Upkeep
from orchestrator.telemetry import count_finds

log = structlog.get_logger()

FOUND_A_TICK = 500


@dataclass(frozen=True, slots=True)
class ReapSilent:
    """A duty, for hosts that went down with all that could have told of it."""

    upkeep: Upkeep
    reconciled: Counter
    silent_s: float

    def tick(self) -> None:
        mended = self.upkeep.reap_silent(silent_s=self.silent_s, limit=FOUND_A_TICK)
        if found := count_finds(self.reconciled, asdict(mended)):
            log.warning("node.silent", **found)
