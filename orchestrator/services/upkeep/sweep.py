"""Sweep: when a task's retention is over, remove its artifacts, then forget it; the same for unused uploads."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import structlog

from orchestrator.domain.errors import OrchestratorError
from orchestrator.ports.journal import Journal
from orchestrator.ports.storage import ObjectStorage
from orchestrator.ports.upkeep import Swept, Upkeep
from orchestrator.telemetry import QueueMetrics

log = structlog.get_logger()

SWEPT_A_ROUND = 100
ROUNDS = 10  # a tick must end before its lease does
AT_ONCE = 8

T = TypeVar("T")
Purge = Callable[[str, Sequence[str]], None]


def nothing_cached(_project: str, _keys: Sequence[str]) -> None:
    """How there is no CDN; `services/upkeep/purge_cached.py` is how there is one."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """A duty. Objects go before the record, so that nothing is left that nobody knows of."""

    upkeep: Upkeep
    storage: ObjectStorage
    metrics: QueueMetrics
    journal: Journal | None = None
    purge_cached: Purge = nothing_cached

    def tick(self) -> None:
        """Rounds of a hundred tasks, a thousand at most, and one of a hundred uploads."""
        for _ in range(ROUNDS):
            condemned = self.upkeep.condemn(limit=SWEPT_A_ROUND)
            if not self._sweep_tasks(condemned) or len(condemned) < SWEPT_A_ROUND:
                break
        for key in self.upkeep.expired_uploads(limit=SWEPT_A_ROUND):
            self._try("upload", key, remove=self._sweep_upload, put_off=self.upkeep.track_upload)

    def _sweep_tasks(self, condemned: Sequence[Swept]) -> int:
        """How many of them are gone. Each costs a listing, and the time goes into waiting for those."""
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sweep") as pool:
            return sum(pool.map(self._sweep_or_put_off, condemned))

    def _sweep_or_put_off(self, swept: Swept) -> bool:
        return self._try("task", swept, remove=self._sweep_task, put_off=lambda _: self.upkeep.put_off(swept.task_id))

    def _sweep_task(self, swept: Swept) -> None:
        keys = [stored.key for stored in self.storage.list(swept.prefix)]
        self.purge_cached(swept.project, keys)  # first: when it fails, the listing still knows what is to be purged
        for key in keys:
            self.storage.delete(key)
        if self.journal and swept.is_journaled:
            self.journal.note_gone(swept.project, swept.task_id)
        self.upkeep.purge(swept.task_id)
        log.info("task.swept", task_id=swept.task_id)

    def _sweep_upload(self, key: str) -> None:
        self.storage.delete(key)
        self.upkeep.forget_upload(key)

    def _try(self, kind: str, what: T, *, remove: Callable[[T], None], put_off: Callable[[T], None]) -> bool:
        """Whether it is removed. What cannot be steps back: a hundred such at the head must not keep all the others."""
        try:
            remove(what)
        except OrchestratorError as error:
            log.warning("sweep.failed", what=str(what), error=str(error))
            self.metrics.swept.labels(kind, "failed").inc()
            put_off(what)
            return False
        self.metrics.swept.labels(kind, "gone").inc()
        return True
