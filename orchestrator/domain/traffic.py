"""What a release has served, and when that speaks against it."""

from dataclasses import dataclass
from typing import Self

FEW = 5  # answers that say nothing yet about speed
SLACK_MS = 20.0  # by which anything may be slower: a first request, a busy machine


@dataclass(frozen=True, slots=True)
class Traffic:
    """As Triton counts: requests answered, requests failed, and the seconds that the model took for the former."""

    answered: float = 0
    failed: float = 0
    infer_s: float = 0

    def since(self, before: Self) -> Self:
        """What came after ``before``; a counter that has gone back began anew."""
        if self.answered < before.answered or self.failed < before.failed:
            return self
        return type(self)(
            self.answered - before.answered, self.failed - before.failed, max(0.0, self.infer_s - before.infer_s)
        )

    def __add__(self, other: Self) -> Self:
        return type(self)(self.answered + other.answered, self.failed + other.failed, self.infer_s + other.infer_s)

    @property
    def error_rate(self) -> float:
        return self.failed / max(1, self.answered + self.failed)

    @property
    def mean_ms(self) -> float:
        return 1000 * self.infer_s / max(1, self.answered)


NONE = Traffic()


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much worse a new release may be: so many times slower, and so large a share of errors more."""

    slower: float = 2.0
    errors: float = 0.02
    failures: int = 3  # fewer are chance

    def fails(self, old: Traffic, new: Traffic) -> bool:
        return new.failed >= self.failures and new.error_rate > old.error_rate + self.errors

    def is_slow(self, old_ms: float, new_ms: float) -> bool:
        return new_ms > self.slower * old_ms + SLACK_MS

    def slows(self, old: Traffic, new: Traffic) -> bool:
        return min(old.answered, new.answered) >= FEW and self.is_slow(old.mean_ms, new.mean_ms)
