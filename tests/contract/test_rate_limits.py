"""Every `RateLimits`: the shared ones on a real Valkey, and those of a process. They do the same to a unit."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from record_store import RecordStore, no_fsync, open_store
from run_room import HandClock

from orchestrator.adapters.local_limits import LocalLimits
from orchestrator.adapters.redis.limits import RedisLimits
from orchestrator.domain.rate import Bucket, Grant, Rate
from orchestrator.ports.limits import RateLimits

RATE = Rate(per_s=10, burst=20)
ROOMY = Rate(per_s=1_000, burst=2_000)


@dataclass
class Limits:
    """Limits whose time is in the test's hand."""

    limits: RateLimits
    store: RecordStore
    clock: HandClock = field(default_factory=HandClock)

    def pass_time(self, seconds: float) -> None:
        self.store.pass_time(int(seconds * 1000))
        self.clock.now_s += seconds

    def take(self, units: int, *, rate: Rate = RATE, name: str = "key:a", share_s: float = 0.0) -> Grant:
        return self.limits.take([Bucket(name, rate)], least=units, share_s=share_s)


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with no_fsync(redis_url), open_store(redis_url) as opened:
        yield opened


def made(kind: str, store: RecordStore) -> Limits:
    clock = HandClock()
    return Limits(RedisLimits(store.scripts) if kind == "redis" else LocalLimits(clock), store, clock)


@pytest.fixture(params=["redis", "local"])
def limits(request: pytest.FixtureRequest, store: RecordStore) -> Limits:
    return made(request.param, store)


class TestTake:
    def test_a_bucket_that_nobody_has_taken_from_is_full(self, limits: Limits) -> None:
        assert limits.take(20).units == 20

    def test_at_least_so_many_or_none_and_when_to_come_again(self, limits: Limits) -> None:
        limits.take(15)
        refused = limits.take(6)
        assert refused.units == 0
        assert refused.retry_after_s == pytest.approx(0.1)
        assert limits.take(5).units == 5

    def test_it_refills(self, limits: Limits) -> None:
        limits.take(20)
        limits.pass_time(1)
        assert limits.take(11).units == 0
        assert limits.take(10).units == 10
        limits.pass_time(60)
        assert limits.take(21).units == 21
        assert limits.take(1).units == 0

    def test_what_is_left_is_told(self, limits: Limits) -> None:
        grant = limits.take(3)
        assert grant.rate == RATE
        assert grant.spare == pytest.approx(17)
        assert grant.spare_after(0.2) == pytest.approx(19)
        assert grant.spare_after(60) == 20

    def test_the_same_is_taken_from_every_bucket(self, limits: Limits) -> None:
        both = [Bucket("project:a", ROOMY), Bucket("key:a", RATE)]
        assert limits.limits.take(both, least=5, share_s=0).units == 5
        assert limits.take(1, name="key:a").spare == pytest.approx(14)
        assert limits.take(1, name="project:a", rate=ROOMY).spare == pytest.approx(1_994)

    def test_nothing_is_taken_from_any_when_one_refuses(self, limits: Limits) -> None:
        limits.take(20)
        refused = limits.limits.take([Bucket("project:a", ROOMY), Bucket("key:a", RATE)], least=5, share_s=0)
        assert (refused.units, refused.rate) == (0, RATE)
        assert limits.take(1, name="project:a", rate=ROOMY).spare == pytest.approx(1_999)

    def test_another_bucket_is_not_touched(self, limits: Limits) -> None:
        limits.take(20)
        assert limits.take(20, name="key:b").units == 20

    def test_more_are_given_as_far_as_they_are_there_up_to_a_share(self, limits: Limits) -> None:
        assert limits.take(1, share_s=0.5).units == 5
        assert limits.take(7, share_s=0.5).units == 7
        assert limits.take(2, share_s=9).units == 8

    def test_more_than_a_burst_needs_a_full_bucket_and_leaves_a_debt(self, limits: Limits) -> None:
        limits.take(1)
        assert limits.take(50).units == 0
        limits.pass_time(0.1)
        assert limits.take(50).units == 50
        assert limits.take(1).retry_after_s == pytest.approx(3.1)


STEPS = st.lists(
    st.tuples(st.integers(1, 30), st.sampled_from([0, 0.1, 1.0]), st.sampled_from([0, 0.05, 0.7, 3.0])), max_size=12
)


@given(steps=STEPS, per_s=st.sampled_from([0.5, 3.0, 100.0]), burst=st.integers(1, 25))
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_both_do_the_same(store: RecordStore, steps: list[tuple[int, float, float]], per_s: float, burst: int) -> None:
    store.client.eval("redis.call('FLUSHALL')", 0)
    shared, local = made("redis", store), made("local", store)
    buckets = [Bucket("project:a", Rate(per_s, burst)), Bucket("key:a", Rate(2 * per_s, max(1, burst // 2)))]
    for least, share_s, pause_s in steps:
        ours, theirs = (each.limits.take(buckets, least=least, share_s=share_s) for each in (shared, local))
        assert ours.units == theirs.units
        assert (ours.spare, ours.retry_after_s) == pytest.approx((theirs.spare, theirs.retry_after_s), abs=0.01)
        shared.pass_time(pause_s)
        local.clock.now_s += pause_s


def test_a_full_bucket_soon_takes_no_room_in_the_store(store: RecordStore) -> None:
    made("redis", store).take(5)
    assert 0 < store.client.pttl("orch:limit:key:a") <= 60_500


def test_threads_and_processes_share_the_same_buckets(redis_url: str, store: RecordStore) -> None:
    with open_store(redis_url) as another:
        made("redis", store).take(15)
        assert made("redis", another).take(6).units == 0
