"""The bell of a lane. A pulse carries no task: losing, repeating or delaying one changes nothing but the wait."""

from typing import Protocol


class PulseSender(Protocol):
    """Rings lanes."""

    def ring(self, lane: str) -> None:
        """Tell a worker of ``lane`` that there may be work, unless enough pulses are already waiting.

        Never raises and never takes longer than about a second: the keeper rings again.
        """
        ...
