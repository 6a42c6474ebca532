"""Every `Breakers`: the shared ones on a real Valkey, and the fake. One test for each sentence of the port."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
from fakes_breakers import FakeBreakers
from record_store import RecordStore, no_fsync, open_store
from run_room import HandClock

from orchestrator.adapters.redis.breakers import RedisBreakers
from orchestrator.domain.breaker import AccessDenied, BreakerState, DependencyOpen, Outcome, Permit
from orchestrator.domain.errors import Category, InputNotFound, Overloaded, RunCanceled, StageTimeout, Unavailable
from orchestrator.ports.breakers import Breakers, passing

AWAY = Unavailable("away", service="triton", category=Category.NETWORK)
MINUTE_S = 60.0


@dataclass
class Room:
    """Breakers whose time is in the test's hand: that of the store, and that of the process."""

    breakers: Breakers
    store: RecordStore
    clock: HandClock

    def pass_time(self, seconds: float) -> None:
        self.store.pass_time(int(seconds * 1000))
        self.clock.now_s += seconds

    def report(self, outcome: Outcome, times: int = 1) -> None:
        for _ in range(times):
            with suppress(DependencyOpen):
                self.breakers.report(self.breakers.allow("triton"), outcome)

    @property
    def state(self) -> BreakerState:
        return self.breakers.look("triton").state

    def open(self) -> None:
        self.report(Outcome.FAILED, 10)
        assert self.state is BreakerState.OPEN

    def probe(self) -> Permit:
        """Wait until somebody is let through, and be that one."""
        while self.state is BreakerState.OPEN:
            self.pass_time(1)
        permit = self.breakers.allow("triton")
        assert permit.token
        return permit

    def fails_for_s(self) -> float:
        """How long it is open now."""
        begun_s = self.clock.now_s
        while self.state is BreakerState.OPEN:
            self.pass_time(1)
        return self.clock.now_s - begun_s


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with no_fsync(redis_url), open_store(redis_url) as opened:
        yield opened


@pytest.fixture(params=["redis", "fake"])
def room(request: pytest.FixtureRequest, store: RecordStore) -> Room:
    clock = HandClock()
    breakers = RedisBreakers(store.scripts, clock) if request.param == "redis" else FakeBreakers(clock)
    return Room(breakers, store, clock)


class TestClosed:
    def test_it_gives_leave(self, room: Room) -> None:
        assert room.breakers.allow("triton") == Permit("triton")

    def test_fewer_than_ten_calls_say_nothing(self, room: Room) -> None:
        room.report(Outcome.FAILED, 9)
        assert room.state is BreakerState.CLOSED
        assert room.breakers.look("triton").failures == 9

    def test_half_of_ten_calls_having_failed_opens_it(self, room: Room) -> None:
        room.report(Outcome.WELL, 5)
        room.report(Outcome.FAILED, 5)
        assert room.state is BreakerState.OPEN
        with pytest.raises(DependencyOpen):
            room.breakers.allow("triton")

    def test_fewer_than_half_do_not(self, room: Room) -> None:
        room.report(Outcome.WELL, 11)
        room.report(Outcome.FAILED, 10)
        assert room.state is BreakerState.CLOSED

    def test_what_failed_long_ago_is_forgotten(self, room: Room) -> None:
        room.report(Outcome.FAILED, 9)
        room.pass_time(20)
        room.report(Outcome.FAILED, 9)
        assert room.state is BreakerState.CLOSED

    def test_one_that_was_denied_opens_it_at_once(self, room: Room) -> None:
        room.report(Outcome.DENIED)
        (breaker,) = room.breakers.list()
        assert (breaker.dependency, breaker.reason) == ("triton", "denied")

    def test_others_stay_closed(self, room: Room) -> None:
        room.open()
        assert room.breakers.allow("r2") == Permit("r2")

    def test_report_says_whether_it_may_be_called(self, room: Room) -> None:
        assert room.breakers.report(Permit("triton"), Outcome.FAILED)
        room.report(Outcome.FAILED, 8)
        assert not room.breakers.report(Permit("triton"), Outcome.FAILED)


class TestOpen:
    def test_for_five_seconds_at_first(self, room: Room) -> None:
        room.open()
        assert room.fails_for_s() == 5

    def test_twice_as_long_each_time_in_a_row_up_to_a_minute(self, room: Room) -> None:
        room.open()
        lengths = []
        for _ in range(5):
            room.breakers.report(room.probe(), Outcome.FAILED)
            lengths.append(room.fails_for_s())
        assert lengths == [10, 20, 40, 60, 60]

    def test_again_soon_after_it_closed_is_in_a_row(self, room: Room) -> None:
        room.open()
        room.breakers.report(room.probe(), Outcome.WELL)
        room.pass_time(MINUTE_S)
        room.open()
        assert room.fails_for_s() == 10
        room.breakers.report(room.probe(), Outcome.WELL)
        room.pass_time(3 * MINUTE_S)
        room.open()
        assert room.fails_for_s() == 5

    def test_calls_that_began_earlier_are_not_heard(self, room: Room) -> None:
        earlier = [room.breakers.allow("triton") for _ in range(2)]
        room.open()
        assert not room.breakers.report(earlier[0], Outcome.WELL)
        assert not room.breakers.report(earlier[1], Outcome.FAILED)
        assert room.breakers.look("triton").openings == 1

    def test_the_error_says_when_to_come_again(self, room: Room) -> None:
        room.open()
        with pytest.raises(DependencyOpen) as caught:
            room.breakers.allow("triton")
        assert caught.value.category is Category.DEPENDENCY_OPEN
        assert caught.value.retry_after_s == pytest.approx(5)


class TestHalfOpen:
    def test_one_caller_at_a_time_gets_leave(self, room: Room) -> None:
        room.open()
        room.probe()
        room.pass_time(1)
        with pytest.raises(DependencyOpen):
            room.breakers.allow("triton")

    def test_success_of_the_one_closes_it(self, room: Room) -> None:
        room.open()
        assert room.breakers.report(room.probe(), Outcome.WELL)
        assert room.state is BreakerState.CLOSED
        assert room.breakers.list() == ()
        assert room.breakers.allow("triton") == Permit("triton")

    def test_denial_of_the_one_is_the_reason_from_then_on(self, room: Room) -> None:
        room.open()
        room.breakers.report(room.probe(), Outcome.DENIED)
        assert room.breakers.look("triton").reason == "denied"

    def test_one_that_learnt_nothing_lets_another_find_out(self, room: Room) -> None:
        room.open()
        room.breakers.report(room.probe(), Outcome.UNKNOWN)
        room.pass_time(1)
        assert room.breakers.allow("triton").token

    def test_after_ten_seconds_of_silence_another_finds_out(self, room: Room) -> None:
        room.open()
        silent = room.probe()
        room.pass_time(10)
        another = room.breakers.allow("triton")
        assert another.token != silent.token
        room.breakers.report(silent, Outcome.WELL)
        assert room.breakers.list()
        room.breakers.report(another, Outcome.WELL)
        assert not room.breakers.list()

    def test_it_is_closed_when_nobody_has_tried_for_ten_minutes(self, room: Room) -> None:
        room.open()
        room.pass_time(5 + 10 * MINUTE_S)
        assert [breaker.state for breaker in room.breakers.list()] == [BreakerState.HALF_OPEN]
        room.pass_time(1)
        assert room.breakers.list() == ()
        assert room.state is BreakerState.CLOSED


class TestPassing:
    @pytest.mark.parametrize(
        "error",
        [
            Overloaded("the queue is full"),
            InputNotFound(),
            Unavailable("not loaded", service="triton", category=Category.MODEL_UNAVAILABLE),
            Unavailable("no memory", service="triton", category=Category.GPU_MEMORY),
        ],
    )
    def test_what_is_an_answer_does_not_count(self, room: Room, error: Exception) -> None:
        for _ in range(20):
            with pytest.raises(type(error)), passing(room.breakers, "triton"):
                raise error
        assert room.breakers.look("triton").failures == 0

    @pytest.mark.parametrize("error", [AWAY, StageTimeout()])
    def test_what_is_none_counts_and_the_last_of_them_is_told_that_it_is_away(
        self, room: Room, error: Exception
    ) -> None:
        for _ in range(9):
            with pytest.raises(type(error)), passing(room.breakers, "triton"):
                raise error
        with pytest.raises(DependencyOpen) as caught, passing(room.breakers, "triton"):
            raise error
        assert caught.value.__cause__ is error

    def test_who_is_denied_is_told_at_once_that_it_is_away(self, room: Room) -> None:
        with pytest.raises(DependencyOpen), passing(room.breakers, "r2"):
            raise AccessDenied(service="storage")
        assert room.breakers.look("r2").reason == "denied"

    @pytest.mark.parametrize("error", [RunCanceled(), KeyboardInterrupt()])
    def test_a_call_that_was_given_up_says_nothing(self, room: Room, error: BaseException) -> None:
        for _ in range(20):
            with pytest.raises(type(error)), passing(room.breakers, "triton"):
                raise error
        assert room.breakers.look("triton").calls == 0
