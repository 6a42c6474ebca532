"""Sweep strays: of a task that ended a day ago, remove the files that nothing points to: what lost runs had stored."""

from collections.abc import Iterator
from dataclasses import dataclass

import structlog

from orchestrator.domain.errors import OrchestratorError
from orchestrator.domain.ids import task_prefix
from orchestrator.domain.stored_result import find_stored
from orchestrator.domain.task import Task
from orchestrator.ports.storage import ObjectStorage
from orchestrator.ports.upkeep import Upkeep

log = structlog.get_logger()

SWEPT_A_TICK = 100


@dataclass(frozen=True, slots=True)
class SweepStrays:
    """A duty. One listing a task, once: whoever could still write there has had a day to hear that it is stale."""

    upkeep: Upkeep
    storage: ObjectStorage

    def tick(self) -> None:
        for task in self.upkeep.strays(limit=SWEPT_A_TICK):
            try:
                self._sweep(task)
            except OrchestratorError as error:
                log.warning("strays.failed", task_id=task.id, error=str(error))
                self.upkeep.end_strays(task.id, again_in_s=3600)
            else:
                self.upkeep.end_strays(task.id)

    def _sweep(self, task: Task) -> None:
        """Only runs that the record knows of: a client may retry the task meanwhile, and that run comes after them."""
        prefix, kept = task_prefix(task.project, task.id), frozenset(_kept(task))
        for stored in self.storage.list(prefix):
            epoch = stored.key.removeprefix(prefix).partition("-")[0]
            if stored.key not in kept and epoch.isdigit() and int(epoch) <= task.epoch:
                self.storage.delete(stored.key)
                log.info("stray.swept", task_id=task.id, key=stored.key)


def _kept(task: Task) -> Iterator[str]:
    """What the task shows, and what a retry of it would go on with."""
    yield from (output.key for output in task.outputs)
    yield from (str(file["key"]) for file in (task.checkpoint or {}).get("files", ()))
    results = (find_stored(task.result), find_stored((task.checkpoint or {}).get("result")))
    yield from (pointer.key for pointer in results if pointer)
