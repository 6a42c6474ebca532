"""Store: the files that a run has made, and last the receipt that says how, under the run's own prefix."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import structlog

from orchestrator.domain.errors import Category, Unavailable
from orchestrator.domain.task import Artifact, Attempt, Run
from orchestrator.pipelines.checkpoint import RECEIPT_NAME, Checkpoint
from orchestrator.pipelines.receipt import render_receipt
from orchestrator.ports.clock import Clock
from orchestrator.ports.seal import Seal
from orchestrator.ports.storage import KeepGoing, ObjectInfo, ObjectStorage

log = structlog.get_logger()

PAUSE_S = 1.0
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class StoreFiles:
    """No other run ever writes where this one does, so repeating a put is harmless (ADR 0012).

    A store that is away is asked again for ``patience_s``: that costs a slot, but not the way through the queue.
    """

    storage: ObjectStorage
    clock: Clock
    attempts: Callable[[str], Sequence[Attempt]]
    seal: Seal | None = None
    patience_s: float = 30.0

    def store(self, run: Run, made: Checkpoint, *, folder: Path, keep_going: KeepGoing) -> Iterator[Checkpoint]:
        """Put what is not stored yet, and say after each file how far it has come; the receipt is the last.

        Raises:
            Unavailable, Refused: as `ObjectStorage.store`. What was said to be stored is.
        """
        begun_s = self.clock.monotonic_s()
        for file in made.files:
            if not file.key:
                path, content_type = folder / file.name, file.content_type
                put = partial(self.storage.store, path, content_type=content_type, keep_going=keep_going)
                made = made.with_stored(self._store_one(run, file, put=put, keep_going=keep_going))
                yield made
        content = self._render_receipt(run, made, store_s=self.clock.monotonic_s() - begun_s)
        receipt = Artifact(RECEIPT_NAME, "", JSON, len(content), hashlib.sha256(content).hexdigest())
        put = partial(self.storage.put, content, content_type=JSON)
        yield made.with_stored(self._store_one(run, receipt, put=put, keep_going=keep_going))

    def _render_receipt(self, run: Run, made: Checkpoint, *, store_s: float) -> bytes:
        made = replace(made, seconds={**made.seconds, "store": round(store_s, 3)})
        attempts = self.attempts(run.task.id) if run.epoch > 1 else ()  # the first run has none before it
        return render_receipt(run, made, attempts=attempts, seal=self.seal)

    def _store_one(
        self, run: Run, file: Artifact, *, put: Callable[..., ObjectInfo], keep_going: KeepGoing
    ) -> Artifact:
        key, give_up_s = run.prefix + file.name, self.clock.monotonic_s() + self.patience_s
        while True:
            keep_going()
            try:
                stored = put(key=key)
            except Unavailable as error:
                # A breaker that is open says so at once: then the slot is worth more to others.
                if error.category is not Category.STORAGE or self.clock.monotonic_s() + PAUSE_S > give_up_s:
                    raise
                log.warning("store.insists", file=file.name, error=str(error))
                self.clock.pause(PAUSE_S)
            else:
                return _as_stored(file, stored)


def _as_stored(file: Artifact, stored: ObjectInfo) -> Artifact:
    """A file that was damaged since it was made is made anew: the next run finds it so."""
    if stored.sha256 != file.sha256:
        raise Unavailable("a file was damaged before it was stored", service="scratch", category=Category.STORAGE)
    return replace(file, key=stored.key, store=stored.store)
