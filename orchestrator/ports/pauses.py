"""What is paused: its tasks are accepted, keep their places and are not claimed. What runs goes on."""

from dataclasses import dataclass
from typing import Protocol

from orchestrator.domain.errors import OrchestratorError
from orchestrator.domain.pause import Pausable, Pause


class IsPaused(OrchestratorError):
    """Something is paused, by order of somebody."""

    code = "paused"


@dataclass(frozen=True, slots=True)
class Resumed:
    """What was paused, None if it was not, and the lanes in which there may be work of it now."""

    pause: Pause | None
    lanes: tuple[str, ...]


class Pauses(Protocol):
    """Pauses are durable, and hold from the next claim on. Every call is safe to repeat."""

    def pause(self, what: Pausable, *, by: str, reason: str, as_operator: bool) -> Pause:
        """Pause ``what``, or tell anew who keeps it paused and why; it stays paused since it was first.

        Only an operator takes the place of an operator.
        """
        ...

    def resume(self, what: Pausable, *, as_operator: bool) -> Resumed:
        """Let it be claimed again: nothing of it was lost, and its projects have saved up no turns meanwhile.

        Raises:
            Forbidden: an operator has paused it, and this is none.
        """
        ...

    def list(self) -> tuple[Pause, ...]:
        """Everything that is paused, in the order of kind and name."""
        ...

    def check(self) -> None:
        """Return when nothing is paused.

        Raises:
            IsPaused: it names lanes, types and models, and since when; of projects it tells how many.
        """
        ...
