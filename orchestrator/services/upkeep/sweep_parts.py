"""Sweep parts: throw away what was begun in parts and never finished, by clients that left or workers that died."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

import structlog

from orchestrator.domain.errors import OrchestratorError
from orchestrator.ports.parts import PartStorage, Unfinished

log = structlog.get_logger()

OF_TENANTS, OF_MODELS = "projects/", "models/"
UPLOADS = "/uploads/"


@dataclass(frozen=True, slots=True)
class SweepParts:
    """A duty. The store itself is asked, so that nothing hides that no record knows of."""

    parts: PartStorage
    upload_expires_s: float
    artifact_expires_s: float

    def tick(self) -> None:
        for unfinished in chain.from_iterable(map(self.parts.unfinished, (OF_TENANTS, OF_MODELS))):
            if unfinished.age_s > self._patience_s(unfinished.key):
                self._abort(unfinished)

    def _patience_s(self, key: str) -> float:
        is_sent = UPLOADS in key or key.startswith(OF_MODELS)
        return self.upload_expires_s if is_sent else self.artifact_expires_s

    def _abort(self, unfinished: Unfinished) -> None:
        told: Mapping[str, object] = {"key": unfinished.key, "age_s": round(unfinished.age_s)}
        try:
            self.parts.abort(unfinished.key, unfinished.parts_id)
        except OrchestratorError as error:  # one that cannot be aborted must not keep all the others
            log.warning("parts.stuck", **told, error=str(error))
        else:
            log.info("parts.swept", **told)
