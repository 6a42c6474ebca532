"""When a failed run is tried again: one budget and one back-off per category of error. Pure arithmetic."""

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.domain.errors import Category, InputChanged, InputNotFound, InputRefused, OrchestratorError
from orchestrator.domain.task import Failure


@dataclass(frozen=True, slots=True)
class Policy:
    """``tries`` runs in all may fail this way; waits grow from ``first_s`` to ``cap_s`` with full jitter."""

    tries: int
    first_s: float = 0.0
    cap_s: float = 0.0
    burns_attempt: bool = True

    def backoff_s(self, failures: int, jitter: float) -> float:
        """The wait after the ``failures``-th failure (from 1); ``jitter`` is uniform in [0, 1).

        Exponential with full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter"), but never less
        than half of ``first_s``: an immediate repeat meets the same fault.
        """
        ceiling = min(self.cap_s, self.first_s * 2.0 ** min(failures - 1, 32))
        return max(self.first_s / 2, ceiling * jitter)


NEVER = Policy(tries=1)

POLICIES: Mapping[Category, Policy] = {
    Category.INVALID_INPUT: NEVER,
    Category.NETWORK: Policy(tries=6, first_s=1, cap_s=60),
    Category.STORAGE: Policy(tries=8, first_s=1, cap_s=120),
    Category.CMS: NEVER,  # a delivery's own budget; it never fails a task
    Category.GPU_MEMORY: Policy(tries=5, first_s=30, cap_s=600),
    Category.MODEL_UNAVAILABLE: Policy(tries=6, first_s=2, cap_s=60),
    Category.SATURATED: Policy(tries=0, first_s=2, cap_s=30, burns_attempt=False),
    # It does not grow: what holds the task back is the breaker, and once that is closed nobody should wait.
    Category.DEPENDENCY_OPEN: Policy(tries=0, first_s=5, cap_s=5, burns_attempt=False),
    Category.TIMEOUT: Policy(tries=2, first_s=1, cap_s=10),
    Category.CRASH: Policy(tries=3),
    Category.INTERNAL: NEVER,
}


CRASHED = Failure(
    code="crashed",
    category=Category.CRASH,
    message="The worker process died or fell silent while it ran this task.",
)
CRASHED_OUT = Failure(
    code="crashed_repeatedly",
    category=Category.CRASH,
    message="Each worker process that ran this task died or fell silent.",
)
EXPIRED = Failure(
    code="expired",
    category=Category.TIMEOUT,
    message="The task did not start by its deadline.",
    retryable=True,
)
UNKNOWN_TYPE = Failure(
    code="unknown_task_type",
    category=Category.INTERNAL,
    message="No worker of the task's lane knows its type.",
    retryable=True,
)


OF_THE_COPY = frozenset({InputChanged.code, InputNotFound.code, InputRefused.code})


def is_own(failure: Failure) -> bool:
    """Whether it is about this task's copy of the input, and tells nothing of another that asks for the same."""
    return failure.code in OF_THE_COPY


@dataclass(frozen=True, slots=True)
class Again:
    """Try again after ``after_s``; ``counts`` says whether this failure used up one of the category's tries."""

    after_s: float
    counts: bool


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The budget is spent, or the category is never tried again."""


Decision = Again | GiveUp


def decide(category: Category, failures_before: int, *, jitter: float) -> Decision:
    """What to do with a run that failed with ``category`` after ``failures_before`` such failures of its task.

    ``failures_before`` counts those of this category in this generation: a wait grows also where no attempt is burned.
    """
    policy = POLICIES[category]
    failures = failures_before + 1
    if policy.burns_attempt and failures >= policy.tries:
        return GiveUp()
    return Again(after_s=policy.backoff_s(failures, jitter), counts=policy.burns_attempt)


def failure_of(error: OrchestratorError) -> Failure:
    """What a client is told of ``error``."""
    return Failure(error.code, error.category, str(error), retryable=error.category is not Category.INVALID_INPUT)
