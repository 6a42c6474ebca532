"""Sweep pushes: of a release that was announced and never completed, remove the files that have come (ADR 0047)."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

import structlog

from orchestrator.domain.errors import InputNotFound, OrchestratorError
from orchestrator.domain.push import MANIFEST, PUSH, ROOT
from orchestrator.ports.storage import ObjectInfo, ObjectStorage

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SweepPushes:
    """A duty. What was announced stays: the version is taken, and an equal push goes on with it and sends again.

    A push of which something has come within ``expires_s`` is going on.
    """

    storage: ObjectStorage
    expires_s: float

    def tick(self) -> None:
        for folder, found in groupby(self.storage.list(ROOT), key=_folder_of):
            files = {info.key.removeprefix(folder): info for info in found}
            youngest_s = min(info.age_s for info in files.values())
            if MANIFEST in files or PUSH not in files or youngest_s <= self.expires_s:
                continue
            try:
                self._sweep(folder, [info for name, info in files.items() if name != PUSH])
            except OrchestratorError as error:  # one that cannot be swept must not keep all the others
                log.warning("push.stuck", folder=folder, error=str(error))

    def _sweep(self, folder: str, files: Iterable[ObjectInfo]) -> None:
        """One by one, looking each time whether somebody has completed it meanwhile."""
        for info in files:
            if self._is_release(folder):
                return
            self.storage.delete(info.key)
            log.info("push.swept", key=info.key, age_s=round(info.age_s))

    def _is_release(self, folder: str) -> bool:
        try:
            self.storage.head(folder + MANIFEST)
        except InputNotFound:
            return False
        return True


def _folder_of(info: ObjectInfo) -> str:
    """`models/<model>/<version>/`."""
    return "/".join(info.key.split("/")[:3]) + "/"
