"""Sweep: when a task's retention is over, remove its artifacts, then forget it; the same for unused uploads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import structlog

from orchestrator.domain.errors import OrchestratorError
from orchestrator.ports.storage import ObjectStorage
from orchestrator.ports.upkeep import Swept, Upkeep

log = structlog.get_logger()

SWEPT_A_ROUND = 100
ROUNDS = 10  # a tick must end before its lease does
AT_ONCE = 8


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
            _try(key, partial(self._sweep_upload, key))

    def _sweep_tasks(self) -> int:
        """One round; how many tasks are gone. Each costs a listing, and the time goes into waiting for those."""
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sweep") as pool:
            condemned = self.upkeep.condemn(limit=SWEPT_A_ROUND)
            return sum(pool.map(lambda swept: _try(swept.prefix, partial(self._sweep_task, swept)), condemned))

    def _sweep_task(self, swept: Swept) -> None:
        for stored in self.storage.list(swept.prefix):
            self.storage.delete(stored.key)
        self.upkeep.purge(swept.task_id)
        log.info("task.swept", task_id=swept.task_id)

    def _sweep_upload(self, key: str) -> None:
        self.storage.delete(key)
        self.upkeep.forget_uploads((key,))


def _try(what: str, remove: Callable[[], None]) -> bool:
    """Whether it is removed: one object that cannot be must not keep all the others."""
    try:
        remove()
    except OrchestratorError as error:
        log.warning("sweep.failed", what=what, error=str(error))
        return False
    return True
