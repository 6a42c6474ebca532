"""Samples of processes that are forked: files in a folder, which `orchestrator metrics` reads (stack facts E.3)."""

import os
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead


@dataclass(frozen=True, slots=True)
class SharedSamples:
    """A folder of samples, and the name under which one process keeps its own there.

    The name is that of a worker's slot and not a pid: a replaced child goes on with the counters of its predecessor,
    so the folder never grows, and what a killed one said of *now* is forgotten.
    """

    folder: Path
    name: str

    def open(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        mark_process_dead(self.name, str(self.folder))
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(self.folder)
        # prometheus-client chooses where samples live when it is imported; we know the folder only now.
        values.ValueClass = values.MultiProcessValue(lambda: self.name)


def collect_shared(shared_dir: Path) -> CollectorRegistry:
    """A registry over the samples of all processes that use ``shared_dir``."""
    shared_dir.mkdir(parents=True, exist_ok=True)  # no worker may have come yet
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(shared_dir))
    return registry
