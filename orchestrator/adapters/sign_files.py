"""`WorkerSigns` as small files in a folder that the processes of a node share: a probe needs no server to read them."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from orchestrator.domain.errors import Category, Unavailable
from orchestrator.domain.owner import Owner
from orchestrator.ports.processes import Processes
from orchestrator.ports.worker_signs import WorkerSign

SIGN_BYTES = 256


@dataclass(frozen=True, slots=True)
class SignFiles:
    """Implements `ports.worker_signs.WorkerSigns`. Nodes may share the folder: a file bears its owner's name."""

    folder: Path
    processes: Processes

    def show(self, sign: WorkerSign) -> None:
        """In place and in one write: a disk that has become full must not silence a worker that lives."""
        told = json.dumps({**asdict(sign), "owner": str(sign.owner)}).ljust(SIGN_BYTES).encode()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = os.open(self.folder / str(sign.owner), os.O_CREAT | os.O_WRONLY, 0o644)
            try:
                os.pwrite(file, told, 0)
            finally:
                os.close(file)
        except OSError as error:
            raise Unavailable("no sign can be written", service="scratch", category=Category.INTERNAL) from error

    def read(self) -> tuple[WorkerSign, ...]:
        return tuple(self._living())

    def _living(self) -> Iterator[WorkerSign]:
        for file in sorted(self.folder.glob(f"{self.processes.node}:*:*")):
            owner = Owner.parse(file.name)
            if not self.processes.is_alive(owner):
                file.unlink(missing_ok=True)
                continue
            with suppress(FileNotFoundError, json.JSONDecodeError):  # just gone, or just made and still empty
                told = json.loads(file.read_text())
                yield WorkerSign(owner, told["lane"], told["shown_s"], told["connecting"])
