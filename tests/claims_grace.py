"""When the state machine of `integration/test_claims_machine.py` expects no lease to lapse."""

from dataclasses import dataclass

GAPS_IN_A_ROW = 10  # that only ticks have ended; then it is the ticks that are slow


@dataclass
class Grace:
    """When silence proves nothing: for one lease after a gap in which neither a tick nor a beat got through."""

    lease_ms: int
    alive_ms: int = 0
    ends_ms: int = 0
    gaps: int = 0

    def sign_of_life(self, now_ms: int, *, is_beat: bool = False) -> None:
        if now_ms - self.alive_ms > max(2_000, self.lease_ms / 3) and self.gaps < GAPS_IN_A_ROW:
            self.gaps, self.ends_ms = self.gaps + 1, now_ms + self.lease_ms
        self.alive_ms, self.gaps = now_ms, 0 if is_beat else self.gaps
