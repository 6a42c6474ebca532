"""Sweep: when a task's retention is over, remove its artifacts, then forget it; the same for unused uploads."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from orchestrator.domain.errors import OrchestratorError
from orchestrator.ports.storage import ObjectStorage
from orchestrator.ports.upkeep import Upkeep

log = structlog.get_logger()

SWEPT_A_ROUND = 100
ROUNDS = 10  # a tick must end before its lease does


@dataclass(frozen=True, slots=True)
class Sweep:
    """A duty. Objects go before the record, so that nothing is left that nobody knows of."""

    upkeep: Upkeep
    storage: ObjectStorage

    def tick(self) -> None:
        """Rounds of a hundred tasks, a thousand at most, and one of a hundred uploads."""
        for _ in range(ROUNDS):
            if self._sweep_tasks() < SWEPT_A_ROUND:
                break
        for key in self.upkeep.expired_uploads(limit=SWEPT_A_ROUND):
            with _left_for_later(key):
                self.storage.delete(key)
                self.upkeep.forget_uploads((key,))

    def _sweep_tasks(self) -> int:
        """One round; how many tasks are gone."""
        gone = 0
        for swept in self.upkeep.condemn(limit=SWEPT_A_ROUND):
            with _left_for_later(swept.prefix):
                for stored in self.storage.list(swept.prefix):
                    self.storage.delete(stored.key)
                self.upkeep.purge(swept.task_id)
                log.info("task.swept", task_id=swept.task_id)
                gone += 1
        return gone


@contextmanager
def _left_for_later(what: str) -> Iterator[None]:
    """One object that cannot be removed must not keep all the others."""
    try:
        yield
    except OrchestratorError as error:
        log.warning("sweep.failed", what=what, error=str(error))
