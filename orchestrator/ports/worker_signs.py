"""What a worker tells its node about itself, for a probe that may ask nobody else."""

from dataclasses import dataclass
from typing import Protocol

from orchestrator.domain.owner import Owner


@dataclass(frozen=True, slots=True)
class WorkerSign:
    """The parent of a worker, and when its main loop last came round, by the clock of its node.

    ``connecting``: it waits for the broker and nothing else, so it says nothing until that is back.
    """

    owner: Owner
    lane: str
    shown_s: float
    connecting: bool


class WorkerSigns(Protocol):
    """One sign a process, so that no worker speaks for another."""

    def show(self, sign: WorkerSign) -> None:
        """Replace the last sign of its owner.

        Raises:
            Unavailable: it cannot be written.
        """
        ...

    def read(self) -> tuple[WorkerSign, ...]:
        """The last sign of every worker of this node that lives; those of the dead are forgotten."""
        ...
