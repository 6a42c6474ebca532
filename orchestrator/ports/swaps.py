"""Swaps as the store has them: one record a model, and a log of everything that was done. See `domain/swap.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from orchestrator.domain.swap import Fault, Step, Swap, Turn

KEEPER = "keeper"


@dataclass(frozen=True, slots=True)
class Standing:
    """A swap as it was read: since when (ms) it is at its step and for how long, by the store's clock.

    ``token`` names this state of the record; whoever moves it must have seen the last one.
    """

    swap: Swap
    token: str = ""
    since_ms: int = 0
    for_s: float = 0.0


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One line of a model's log. ``by`` is an API key, or the keeper."""

    at_ms: int
    swap_id: str
    old: str
    new: str
    step: Step
    by: str
    reason: str = ""
    fault: Fault | None = None
    figures: Mapping[str, float] = field(default_factory=dict)


class Swaps(Protocol):
    """Every call may raise `Unavailable` when the store is away."""

    def begin(self, swap: Swap, *, instead_of: Standing | None) -> Standing:
        """Record a new swap in the place of the last one of its model (None: there was none), and log it.

        Raises:
            SwapInProgress: that was not the last one, or has gone on meanwhile.
        """
        ...

    def move(self, standing: Standing, turn: Turn, *, by: str = KEEPER) -> Standing | None:
        """The swap takes the turn, with its weights, at once and for all; None if somebody else has moved it before."""
        ...

    def find(self, model: str) -> Standing | None:
        """The last swap of the model."""
        ...

    def going(self) -> tuple[Standing, ...]:
        """Every swap that is not over."""
        ...

    def audit(self, model: str, *, limit: int) -> tuple[AuditLine, ...]:
        """What was done, the latest first. The log is bounded: the oldest lines go."""
        ...
