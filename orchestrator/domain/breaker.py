"""A circuit breaker: whether a dependency may be called, and what the outcome of a call says about it (ADR 0039)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.domain.content import FAULTY
from orchestrator.domain.delivery import WEBHOOK
from orchestrator.domain.errors import (
    Category,
    OrchestratorError,
    RunEnded,
    StageTimeout,
    Unavailable,
)

R2 = "r2"
TRITON = "triton"
PAYLOAD = "payload"

# Not before so many calls within the last ten to twenty seconds, and when half of them failed.
LEAST_CALLS = 10
FAILING = 0.5
FIRST_OPEN_S = 5.0
LONGEST_OPEN_S = 60.0

BUSY = "dependency_busy"
"""The code of an `Unavailable` of a dependency that is well and only asks for a pause."""


ANSWERS = frozenset({BUSY, FAULTY})


class BreakerState(StrEnum):
    """``half_open``: its time is over, and one call finds out whether the dependency is back."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Outcome(StrEnum):
    """What a call says about the dependency; ``denied`` that it knows our credentials no more."""

    WELL = "well"
    FAILED = "failed"
    DENIED = "denied"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call of ``dependency``; with a ``token`` it is the one that finds out."""

    dependency: str
    token: str = ""


@dataclass(frozen=True, slots=True)
class Breaker:
    """A closed one had so many ``calls`` and ``failures`` in the last ten to twenty seconds. One that is not closed has
    opened ``openings`` times in a row, the last time for ``reason``: `failing` or `denied`.
    """

    dependency: str
    state: BreakerState = BreakerState.CLOSED
    calls: int = 0
    failures: int = 0
    opened_at_ms: int | None = None
    retry_at_ms: int | None = None
    openings: int = 0
    reason: str = ""

    @property
    def is_doubtful(self) -> bool:
        """Whether something was wrong lately, or still is."""
        return self.state is not BreakerState.CLOSED or self.failures > 0


class DependencyOpen(Unavailable):
    """A service that this node depends on is away, and is not called until it is back."""

    code = "dependency_open"

    def __init__(self, dependency: str, *, retry_after_s: float = FIRST_OPEN_S) -> None:
        super().__init__(
            f"{dependency.partition(':')[0]} is away; it is asked again when it is back",
            service=dependency,
            category=Category.DEPENDENCY_OPEN,
        )
        self.retry_after_s = retry_after_s


class Away(OrchestratorError):
    """Services that this node depends on are away."""

    code = "away"


class AccessDenied(Unavailable):
    """A service that this node depends on does not accept this node's credentials."""

    code = "access_denied"

    def __init__(self, message: str = "", *, service: str) -> None:
        super().__init__(message, service=service, category=Category.DEPENDENCY_OPEN)


# Of an `Unavailable`. That one model is not served, or that memory is short, says nothing of the server.
COUNTED = frozenset({Category.NETWORK, Category.STORAGE, Category.CMS})


def judge(error: OrchestratorError) -> Outcome:
    """What a call that ended with ``error`` says. A refusal, like "not found" or "come later", is an answer."""
    if isinstance(error, RunEnded | DependencyOpen):
        return Outcome.UNKNOWN
    if isinstance(error, AccessDenied):
        return Outcome.DENIED
    if isinstance(error, StageTimeout):
        return Outcome.FAILED
    if isinstance(error, Unavailable) and error.category in COUNTED:
        return Outcome.WELL if error.code in ANSWERS else Outcome.FAILED
    return Outcome.WELL


def require_none(found: Iterable[Breaker]) -> None:
    """Raise `Away` if there is one; who asks needs no key, and is not told of the hosts of tenants."""
    hosts = 0
    said = []
    for breaker in found:
        if label_of(breaker.dependency) == WEBHOOK:
            hosts += 1
        else:
            said.append(f"{breaker.dependency} ({breaker.reason})")
    if hosts:
        said.append(f"{hosts} host{'s' if hosts > 1 else ''} of webhooks")
    if said:
        raise Away(f"away: {', '.join(said)}; what needs it waits")


def name_triton(instance: str) -> str:
    """The dependency that runs on ``instance`` go through; those that nobody has placed go through `TRITON`."""
    return f"{TRITON}:{instance}" if instance else TRITON


LABELS = (R2, TRITON, PAYLOAD, WEBHOOK)


def label_of(dependency: str) -> str:
    """As a label of metrics, one of `LABELS`: the hosts of webhooks share one, and so do the inference servers."""
    return dependency.partition(":")[0]
