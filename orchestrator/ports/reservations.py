"""How runs share the memory of an inference server whose models may take only so much (ADR 0045)."""

from typing import Protocol

from orchestrator.domain.task import Run


class Reservations(Protocol):
    """A run reserves what its input was seen to take; that goes with its pin. ``size`` names about how large that is.

    Every call may raise `Unavailable` when the store is away.
    """

    def reserve(self, run: Run, size: str, *, is_last: bool) -> bool:
        """Whether it fits beside what is used, and what other runs have reserved; what was never seen does.

        What does not fit is let in all the same at the last try, if no other run has reserved anything: nothing that
        it waits for could make more room.

        Raises:
            StaleRun: another run owns the task.
        """
        ...

    def learn(self, run: Run, size: str, *, took_s: float) -> None:
        """The run has inferred for so long. What memory has grown by meanwhile is its own, if it was alone there."""
        ...
