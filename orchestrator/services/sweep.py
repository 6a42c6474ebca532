"""Sweep: when a task's retention is over, remove its artifacts, then forget it; the same for unused uploads."""

from dataclasses import dataclass

import structlog

from orchestrator.ports.storage import ObjectStorage
from orchestrator.ports.upkeep import Upkeep

log = structlog.get_logger()

SWEPT_A_TICK = 100


@dataclass(frozen=True, slots=True)
class Sweep:
    """A duty. Objects go before the record, so that nothing is left that nobody knows of."""

    upkeep: Upkeep
    storage: ObjectStorage

    def tick(self) -> None:
        """One round of at most a hundred tasks and a hundred uploads."""
        for swept in self.upkeep.past_retention(limit=SWEPT_A_TICK):
            for stored in self.storage.list(swept.prefix):
                self.storage.delete(stored.key)
            self.upkeep.purge(swept.task_id)
            log.info("task.swept", task_id=swept.task_id)
        uploads = self.upkeep.expired_uploads(limit=SWEPT_A_TICK)
        for key in uploads:
            self.storage.delete(key)
        if uploads:
            self.upkeep.forget_uploads(uploads)
