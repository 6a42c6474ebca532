"""Time and chance, so that services stay deterministic under test."""

from typing import Protocol


class Clock(Protocol):
    """Clocks of this process."""

    def monotonic_s(self) -> float:
        """Seconds that only ever grow; for budgets."""
        ...

    def jitter(self) -> float:
        """Uniform in [0, 1)."""
        ...

    def pause(self, seconds: float) -> None:
        """Do nothing for a while."""
        ...
