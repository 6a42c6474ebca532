"""Reap gone: what processes of this node that have died ran or sent is another's at once, not a lease later."""

from dataclasses import asdict, dataclass

import structlog
from prometheus_client import Counter

from orchestrator.ports.processes import Processes
from orchestrator.ports.upkeep import Upkeep
from orchestrator.telemetry import count_finds

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ReapGone:
    """Asks the store who holds runs here, and the kernel who lives. It finds dead children of others just as well."""

    upkeep: Upkeep
    processes: Processes
    reconciled: Counter

    def tick(self) -> None:
        for owner in self.upkeep.owners(self.processes.node):
            if not self.processes.is_alive(owner):
                mended = self.upkeep.reap(owner)
                log.warning("owner.gone", owner=str(owner), **count_finds(self.reconciled, asdict(mended)))
