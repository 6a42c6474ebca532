"""The folder of one stack: its data, secrets and logs, and the lock that only one supervisor can hold."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from orchestrator.local.part import StackError


@dataclass(frozen=True, slots=True)
class StateFolder:
    """Where a stack keeps everything. ``root`` is absolute."""

    root: Path

    @property
    def stack_file(self) -> Path:
        return self.root / "stack.json"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    def folder(self, name: str) -> Path:
        """A folder of a part, made if it is missing; what is in it stays."""
        path = self.root / name
        for folder in (self.root, path):  # parents made on the way would be open to others
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    def empty_folder(self, name: str) -> Path:
        """A folder for this run only."""
        shutil.rmtree(self.root / name, ignore_errors=True)
        return self.folder(name)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder: the kernel lets go of it when we end, however we end.

        Raises:
            StackError: another supervisor holds it.
        """
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock_file.open("a+") as file:
            if not _take_lock(file):
                raise StackError(f"{self.root} is in use by another stack (process {self.supervisor_pid()})")
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def supervisor_pid(self) -> int | None:
        """The process that holds the folder, or None."""
        if not self._lock_file.exists():
            return None
        with self._lock_file.open() as file:
            if _try_lock(file, fcntl.LOCK_SH):
                return None
            pid = file.read()
        return int(pid) if pid else None

    def set_old_logs_aside(self) -> None:
        """Keep the logs of the last run as `*.log.1`, so that a log tells of one run."""
        for log in self.folder("logs").glob("*.log"):
            log.replace(log.with_suffix(".log.1"))

    @property
    def _lock_file(self) -> Path:
        return self.root / "lock"


def _take_lock(file: IO[str]) -> bool:
    """Whoever asks for the supervisor's pid holds the lock for a moment: that is no reason to refuse a start."""
    for _ in range(10):
        if _try_lock(file, fcntl.LOCK_EX):
            return True
        time.sleep(0.05)
    return False


def _try_lock(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
