"""Resume: what was paused may be claimed again, and its workers hear of it at once."""

from dataclasses import dataclass

from orchestrator.domain.pause import Pausable, Pause
from orchestrator.ports.pauses import Pauses
from orchestrator.ports.pulses import PulseSender


@dataclass(frozen=True, slots=True)
class ResumeWork:
    """A pulse that is lost is replaced by the keeper within a second."""

    pauses: Pauses
    pulses: PulseSender

    def resume(self, what: Pausable, *, as_operator: bool = True) -> Pause | None:
        """End the pause and answer what it was; None if there was none.

        Raises:
            Forbidden: an operator has paused it, and this is none.
        """
        resumed = self.pauses.resume(what, as_operator=as_operator)
        for lane in resumed.lanes:
            self.pulses.ring(lane)
        return resumed.pause
