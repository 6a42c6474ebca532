"""`AdmitRequests`: it asks seldom, gives no more than the rate, and knows what to do when nobody can be asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from run_room import HandClock

from orchestrator.adapters.local_limits import LocalLimits
from orchestrator.domain.api_key import EVERY_SCOPE, Caller
from orchestrator.domain.errors import Category, Unavailable
from orchestrator.domain.project import Project
from orchestrator.domain.rate import Bucket, Grant, Rate
from orchestrator.services.projects.admit import READ_COST, WRITE_COST, AdmitRequests, Allowance, Rates

ALICE = Caller(Project("film-a"), "key_1", EVERY_SCOPE)
BOB = Caller(Project("film-a"), "key_2", EVERY_SCOPE)
KEY, PROJECT = Rate(100, 200), Rate(200, 400)
BOTH = Rates(PROJECT, KEY)


@dataclass
class SharedLimits:
    """Limits that count how often they are asked, and can be away."""

    limits: LocalLimits
    asked: int = 0
    is_away: bool = False
    names: set[str] = field(default_factory=set)

    def take(self, buckets: Sequence[Bucket], *, least: int, share_s: float) -> Grant:
        self.asked += 1
        self.names |= {bucket.name for bucket in buckets}
        if self.is_away:
            raise Unavailable("gone", service="redis", category=Category.NETWORK)
        return self.limits.take(buckets, least=least, share_s=share_s)


@dataclass
class Door:
    """The service, its clock, and what it asks."""

    rates: Rates = BOTH
    clock: HandClock = field(default_factory=HandClock)

    def __post_init__(self) -> None:
        self.shared = SharedLimits(LocalLimits(self.clock))
        self.admit = AdmitRequests(self.shared, LocalLimits(self.clock), self.rates, self.clock)

    def request(self, caller: Caller = ALICE, *, cost: int = READ_COST) -> Allowance | None:
        return self.admit.recall(caller, cost) or self.admit.ask(caller, cost)

    def admitted(self, requests: int, caller: Caller = ALICE, *, cost: int = READ_COST) -> int:
        allowances = [self.request(caller, cost=cost) for _ in range(requests)]
        return sum(allowance is None or allowance.retry_after_s is None for allowance in allowances)


@pytest.fixture
def door() -> Door:
    return Door()


class TestRates:
    def test_no_more_than_a_burst_and_then_the_rate(self, door: Door) -> None:
        assert door.admitted(1_000) == 200
        for _ in range(10):
            door.clock.now_s += 0.1
            assert door.admitted(20) == 10

    def test_a_write_costs_as_much_as_three_reads(self, door: Door) -> None:
        assert door.admitted(1_000, cost=WRITE_COST) == 66

    def test_keys_of_a_project_share_its_rate(self) -> None:
        door = Door(Rates(project=Rate(100, 200), key=Rate(100, 150)))
        assert door.admitted(1_000, ALICE) == 150
        assert door.admitted(1_000, BOB) == 50
        assert door.shared.names == {"project:film-a", "key:key_1", "key:key_2"}

    def test_a_project_may_have_a_rate_of_its_own(self, door: Door) -> None:
        slow = Caller(Project("film-b", requests_per_s=5), "key_3", EVERY_SCOPE)
        assert door.admitted(100, slow) == 10, "a burst that is not named is twice the rate"
        short = Caller(Project("film-c", requests_per_s=5, burst=7), "key_4", EVERY_SCOPE)
        assert door.admitted(100, short) == 7

    def test_without_rates_nobody_is_asked(self) -> None:
        door = Door(Rates())
        assert door.admitted(1_000) == 1_000
        assert door.shared.asked == 0


class TestCheapness:
    def test_the_shared_limits_are_asked_once_in_a_tenth_of_a_seconds_requests(self, door: Door) -> None:
        assert door.admitted(100) == 100
        assert door.shared.asked == 10

    def test_who_was_refused_costs_nothing_until_it_may_come_again(self, door: Door) -> None:
        door.admitted(200)
        asked = door.shared.asked
        assert door.admitted(1_000) == 0
        assert door.shared.asked == asked + 1
        door.clock.now_s += 0.01
        assert door.admitted(1) == 1

    def test_a_refused_write_does_not_keep_a_read_out(self, door: Door) -> None:
        door.admitted(199)
        assert door.admitted(1, cost=WRITE_COST) == 0
        assert door.admitted(1) == 1


def told(allowance: Allowance | None) -> tuple[int, int, float, float | None]:
    """What a client sees of it, to the hundredth of a second."""
    assert allowance
    retry_after_s = None if allowance.retry_after_s is None else round(allowance.retry_after_s, 2)
    return allowance.limit, allowance.remaining, round(allowance.reset_s, 2), retry_after_s


class TestAllowance:
    def test_it_tells_what_is_left_of_the_tighter_limit_and_when_all_is_back(self, door: Door) -> None:
        door.admitted(49)
        assert told(door.request()) == (200, 150, 0.5, None)
        door.clock.now_s += 0.2
        assert told(door.request()) == (200, 169, 0.31, None)

    def test_a_refusal_tells_when_to_come_again(self, door: Door) -> None:
        door.admitted(200)
        assert told(door.request(cost=WRITE_COST)) == (200, 0, 2.0, 0.03)
        door.clock.now_s += 0.02
        assert told(door.request(cost=WRITE_COST)) == (200, 2, 1.98, 0.01)


class TestAway:
    def test_reads_are_limited_here(self, door: Door) -> None:
        door.shared.is_away = True
        assert door.admitted(1_000) == 200
        assert door.shared.asked == 1

    def test_whatever_changes_something_is_refused(self, door: Door) -> None:
        door.shared.is_away = True
        with pytest.raises(Unavailable):
            door.request(cost=WRITE_COST)

    def test_the_shared_limits_are_asked_again_after_a_second(self, door: Door) -> None:
        door.shared.is_away = True
        door.admitted(5)
        door.shared.is_away = False
        door.clock.now_s += 1.0
        door.admitted(1)
        assert door.shared.asked == 2


def test_more_callers_than_anybody_has_need_no_more_room_and_get_no_more() -> None:
    door = Door(Rates(project=None, key=Rate(1, 5)))
    for number in range(10_001):
        door.request(Caller(Project("film-a"), f"key_{number}", EVERY_SCOPE))
    assert len(door.admit._purses) < 10_000
    assert door.admitted(10, Caller(Project("film-a"), "key_0", EVERY_SCOPE)) == 4
