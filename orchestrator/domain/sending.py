"""How often a delivery is tried, and when again: a budget for each kind of destination. Pure arithmetic."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from orchestrator.domain.content import FAULTY
from orchestrator.domain.delivery import JOURNAL, PAYLOAD, WEBHOOK
from orchestrator.domain.errors import Category, OrchestratorError, Overloaded, Refused
from orchestrator.domain.retry import Again, Decision, GiveUp, Policy

LONGEST_WAIT_S = 43_200.0  # whatever a destination asks for
HELD_S = 5.0


class SendPolicy(Protocol):
    """``tries`` in all may fail; None is any number."""

    @property
    def tries(self) -> int | None: ...

    def backoff_s(self, failures: int, jitter: float) -> float:
        """The wait after the ``failures``-th failure (from 1); ``jitter`` is uniform in [0, 1)."""
        ...


@dataclass(frozen=True, slots=True)
class Timetable:
    """A wait after each failure but the last, give or take a tenth: receivers may count on when we come again."""

    waits_s: tuple[float, ...]

    @property
    def tries(self) -> int:
        return len(self.waits_s) + 1

    def backoff_s(self, failures: int, jitter: float) -> float:
        return self.waits_s[failures - 1] * (0.9 + 0.2 * jitter)


@dataclass(frozen=True, slots=True)
class Endless:
    """For what must not be lost, whatever it takes."""

    backoff: Policy
    tries: None = None

    def backoff_s(self, failures: int, jitter: float) -> float:
        return self.backoff.backoff_s(failures, jitter)


# Ten tries, the last of them a day after the first (Standard Webhooks asks for as much).
WEBHOOKS = Timetable((5, 30, 120, 600, 1_800, 3_600, 10_800, 25_200, 43_200))
POLICIES: Mapping[str, SendPolicy] = {
    PAYLOAD: Policy(tries=12, first_s=2, cap_s=3_600),
    JOURNAL: Endless(Policy(tries=0, first_s=1, cap_s=120)),
    WEBHOOK: WEBHOOKS,
}
# As often a lasting fault of what was sent as a passing one of who takes it, such as a database that is locked.
LASTING: Mapping[str, SendPolicy] = {FAULTY: Timetable((5, 60, 600))}


def decide_sending(kind: str, error: OrchestratorError, *, failures_before: int, jitter: float) -> Decision:
    """What to do with a delivery that failed with ``error``, after so many failures since the last that was taken."""
    if isinstance(error, Refused):
        return GiveUp()
    asked_s = min(float(getattr(error, "retry_after_s", 0.0)), LONGEST_WAIT_S)
    if error.category is Category.DEPENDENCY_OPEN:
        return Again(after_s=asked_s or HELD_S, counts=False)
    policy = LASTING.get(error.code) or POLICIES[kind]
    failures = failures_before + 1
    if policy.tries is not None and failures >= policy.tries:
        return GiveUp()
    backoff_s = policy.backoff_s(failures, jitter)
    return Again(after_s=max(backoff_s, asked_s) if isinstance(error, Overloaded) else backoff_s, counts=True)
