"""The spool: on the worker's own disk, what runs have made and not yet stored. A later run of the task takes it up."""

import hashlib
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from orchestrator.domain.task import Artifact

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Spool:
    """At most ``limit_bytes``, each folder for at most ``kept_s``. Of a file that is not as it was made, nothing is."""

    root: Path
    limit_bytes: int
    kept_s: float

    def folder_of(self, task_id: str, maker: str) -> Path:
        return self.root / f"{task_id}.{maker}"

    def keep(self, task_id: str, maker: str, *, files: Sequence[Path]) -> bool:
        """Whether the files are there now, under their names; they stay where they are, too.

        They are links: nothing is copied, and a run that loses its scratch folder takes nothing away.
        """
        folder, needed = self.folder_of(task_id, maker), sum(file.stat().st_size for file in files)
        if self._used_bytes() + needed > self.limit_bytes:
            self.sweep()
        if self._used_bytes() + needed > self.limit_bytes:
            log.warning("spool.full", needed_bytes=needed, limit_bytes=self.limit_bytes)
            return False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for file in files:
                os.link(file, folder / file.name)
        except OSError as error:  # on another disk, or a full one: then nothing is kept, and the run goes on
            log.warning("spool.refused", error=str(error))
            shutil.rmtree(folder, ignore_errors=True)
            return False
        return True

    def holds(self, task_id: str, maker: str, *, file: Artifact) -> bool:
        """Whether every byte of it is there."""
        path = self.folder_of(task_id, maker) / file.name
        if not path.is_file() or path.stat().st_size != file.size_bytes:
            return False
        return sha256_of(path) == file.sha256

    def drop(self, task_id: str) -> None:
        """All of the task's is stored, or nobody wants it any more."""
        for folder in self.root.glob(f"{task_id}.*"):
            shutil.rmtree(folder, ignore_errors=True)

    def sweep(self) -> None:
        """Forget what nobody has come back for."""
        for folder in self._folders():
            with suppress(FileNotFoundError):  # another child has just dropped it
                if time.time() - folder.stat().st_mtime > self.kept_s:
                    shutil.rmtree(folder, ignore_errors=True)
                    log.info("spool.swept", folder=folder.name)

    def _folders(self) -> Sequence[Path]:
        return [folder for folder in self.root.glob("*.*") if folder.is_dir()]

    def _used_bytes(self) -> int:
        return sum(map(_size_of, self._folders()))


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size_of(folder: Path) -> int:
    try:
        with os.scandir(folder) as files:
            return sum(file.stat().st_size for file in files)
    except FileNotFoundError:  # another child has just dropped it
        return 0
