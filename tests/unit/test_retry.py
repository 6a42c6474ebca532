"""When a failed run is tried again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.errors import Category
from orchestrator.domain.retry import POLICIES, Again, GiveUp, Policy, decide

CATEGORIES = st.sampled_from(Category)
JITTER = st.floats(0, 1, exclude_max=True)
BURNS = [category for category, policy in POLICIES.items() if policy.burns_attempt]
WAITS = [category for category, policy in POLICIES.items() if not policy.burns_attempt]


def runs_until_given_up(category: Category, *, jitter: float) -> int:
    """How often a task runs that fails with ``category`` every time."""
    failures = 0
    while isinstance(decide(category, failures, jitter=jitter), Again):
        failures += 1
        assert failures < 100, f"{category} is never given up"
    return failures + 1


def test_every_category_has_a_policy() -> None:
    assert POLICIES.keys() == set(Category)


@pytest.mark.parametrize(
    ("category", "runs"),
    [
        (Category.INVALID_INPUT, 1),
        (Category.NETWORK, 6),
        (Category.STORAGE, 8),
        (Category.CMS, 1),
        (Category.GPU_MEMORY, 5),
        (Category.MODEL_UNAVAILABLE, 6),
        (Category.TIMEOUT, 2),
        (Category.CRASH, 3),
        (Category.INTERNAL, 1),
    ],
)
def test_a_budget_is_spent_after_so_many_runs(category: Category, runs: int) -> None:
    assert runs_until_given_up(category, jitter=0.5) == runs


def test_only_what_says_later_burns_no_attempt() -> None:
    assert set(WAITS) == {Category.SATURATED, Category.DEPENDENCY_OPEN}


@given(st.sampled_from(WAITS), st.integers(0, 10_000), JITTER)
def test_what_says_later_is_never_given_up(category: Category, failures: int, jitter: float) -> None:
    decision = decide(category, failures, jitter=jitter)
    assert isinstance(decision, Again)
    assert not decision.counts


@given(st.sampled_from(BURNS), st.integers(0, 20), JITTER)
def test_chance_decides_how_long_but_never_whether(category: Category, failures: int, jitter: float) -> None:
    decision = decide(category, failures, jitter=jitter)
    assert isinstance(decision, GiveUp) == (failures + 1 >= POLICIES[category].tries)
    assert isinstance(decision, GiveUp) or decision.counts


@given(CATEGORIES, st.integers(1, 10_000), JITTER)
def test_a_wait_stays_between_half_its_first_and_its_cap(category: Category, failures: int, jitter: float) -> None:
    policy = POLICIES[category]
    assert policy.first_s / 2 <= policy.backoff_s(failures, jitter) <= policy.cap_s


@given(CATEGORIES, st.integers(1, 40), JITTER)
def test_waits_never_shrink_from_one_failure_to_the_next(category: Category, failures: int, jitter: float) -> None:
    policy = POLICIES[category]
    assert policy.backoff_s(failures, jitter) <= policy.backoff_s(failures + 1, jitter)


def test_waits_double_up_to_the_cap() -> None:
    policy = Policy(tries=9, first_s=2, cap_s=20)
    assert [policy.backoff_s(failures, 0.5) for failures in range(1, 6)] == [1, 2, 4, 8, 10]
