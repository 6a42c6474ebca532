"""What a person may choose of a stack."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StackOptions:
    """``port`` is the API's, 0 takes a free one; ``workers`` are children per lane."""

    port: int
    lanes: tuple[str, ...]
    workers: int
    project: Path
    drain_s: float
    payload: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """The same for the command line of `orchestrator up`."""
        chosen = ("--port", self.port, "--lanes", ",".join(self.lanes), "--workers", self.workers)
        return (*map(str, chosen), "--project", str(self.project), *(("--payload",) if self.payload else ()))
