"""Sweep scratch: what runs of dead processes left in the work folder is removed by the next child that comes."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import structlog

from orchestrator.domain.owner import Owner
from orchestrator.ports.processes import Processes

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SweepScratch:
    """Every process works in a folder that bears its name; the folders of other nodes are theirs to sweep."""

    scratch_dir: Path
    processes: Processes

    def make_own(self) -> Path:
        """The folder of the process that asks."""
        own = self.scratch_dir / str(self.processes.this())
        own.mkdir(parents=True, exist_ok=True)
        return own

    def sweep(self) -> None:
        for folder in self.scratch_dir.glob(f"{self.processes.node}:*:*"):
            if not self.processes.is_alive(Owner.parse(folder.name)):
                shutil.rmtree(folder, ignore_errors=True)
                log.info("scratch.swept", owner=folder.name)
