"""Move back: when the store is back, what was put into the fallback store meanwhile comes to where it belongs."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import structlog

from orchestrator.domain.breaker import R2, BreakerState
from orchestrator.domain.errors import Category, InputNotFound, OrchestratorError, Unavailable
from orchestrator.domain.stored_result import CONTENT_TYPE, StoredResult
from orchestrator.domain.task import Artifact
from orchestrator.pipelines.large_result import is_result
from orchestrator.pipelines.local_copy import local_copy
from orchestrator.ports.breakers import Breakers
from orchestrator.ports.compression import Compression
from orchestrator.ports.displaced import Displaced, DisplacedTasks
from orchestrator.ports.storage import ObjectInfo, ObjectStorage

log = structlog.get_logger()

MOVED_A_ROUND = 20
REMOVED_A_ROUND = 100
PUT_OFF_S = 60.0


@dataclass(frozen=True, slots=True)
class MoveBack:
    """A duty. Copied, compared by SHA-256, then recorded, and only long afterwards removed: a link that was signed for
    the fallback store works for ``link_s``, and so does one that somebody signs while we record.
    """

    tasks: DisplacedTasks
    storage: ObjectStorage
    fallback: ObjectStorage
    breakers: Breakers
    compression: Compression
    scratch_dir: Path
    link_s: float

    def tick(self) -> None:
        if self.breakers.look(R2).state is not BreakerState.CLOSED:
            return
        for displaced in self.tasks.due(limit=MOVED_A_ROUND):
            self._try(displaced.task_id, partial(self._move, displaced), displaced=displaced)
        for key in self.tasks.left_over(limit=REMOVED_A_ROUND):
            self._try(key, partial(self._remove, key))

    def _move(self, displaced: Displaced) -> None:
        outputs = tuple(self._bring(artifact) for artifact in displaced.outputs)
        result = self._bring_result(displaced.result) if displaced.result else None
        if self.tasks.move(displaced, replace(displaced, outputs=outputs, result=result), left_s=2 * self.link_s):
            log.info("task.moved_back", task_id=displaced.task_id, files=len(displaced.keys))

    def _bring(self, artifact: Artifact) -> Artifact:
        """The file as it is recorded from now on. A copy that is there already does."""
        if not artifact.store:
            return artifact
        found = self._find(artifact.key) or self._copy(artifact)
        if found.sha256 != artifact.sha256:
            raise _damaged()
        return replace(artifact, store="")

    def _bring_result(self, stored: StoredResult) -> StoredResult:
        if not stored.store:
            return stored
        found = self._find(stored.key)
        storage = self.storage if found else self.fallback
        with local_copy(storage, found or storage.head(stored.key), scratch_dir=self.scratch_dir) as (_, copy):
            if not is_result(copy, stored, compression=self.compression):
                raise _damaged()
            if not found:
                self.storage.store(copy, stored.key, content_type=CONTENT_TYPE)
        return replace(stored, store="")

    def _find(self, key: str) -> ObjectInfo | None:
        try:
            return self.storage.head(key)
        except InputNotFound:
            return None

    def _copy(self, artifact: Artifact) -> ObjectInfo:
        there = self.fallback.head(artifact.key)
        with local_copy(self.fallback, there, scratch_dir=self.scratch_dir) as (_, copy):
            return self.storage.store(copy, artifact.key, content_type=artifact.content_type)

    def _remove(self, key: str) -> None:
        self.fallback.delete(key)
        self.tasks.forget(key)

    def _try(self, what: str, work: Callable[[], None], *, displaced: Displaced | None = None) -> None:
        """One that cannot be moved steps back and keeps nobody."""
        try:
            work()
        except OrchestratorError as error:
            log.warning("move_back.failed", what=what, error=str(error))
            if displaced:
                self.tasks.put_off(displaced, seconds=PUT_OFF_S)


def _damaged() -> Unavailable:
    message = "the file in the fallback store is not the one that was stored"
    return Unavailable(message, service="fallback", category=Category.STORAGE)
