"""A run infers when what its input was seen to take fits on its instance; what it takes is learned."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest
from record_store import LEASE_MS, RecordStore, new_task, open_store
from run_room import HandClock, nothing

from orchestrator.adapters.redis.reservations import RedisReservations
from orchestrator.adapters.redis.residency import RedisResidency
from orchestrator.domain.errors import Category, Overloaded, RunCanceled, Unavailable
from orchestrator.domain.media import MediaInfo, MediaKind, size_of
from orchestrator.domain.model import Instance, Resident, ResidentState
from orchestrator.domain.task import Run
from orchestrator.pipelines.run_watch import Ending, RunWatch
from orchestrator.services.runs.reserve_memory import WAITS_S, ReserveMemory

SIZE = "2^20 pixels"
GPU = Instance("gpu:1", budget_bytes=100, used_bytes=40)


@dataclass
class Room:
    """One instance of which models may take a hundred bytes; an input of ``SIZE`` was seen to take thirty."""

    store: RecordStore
    clock: HandClock = field(default_factory=HandClock)

    def __post_init__(self) -> None:
        self.residency = RedisResidency(self.store.scripts)
        self.reservations = RedisReservations(self.store.scripts)
        self.memory = ReserveMemory(self.reservations, self.residency.instances, self.clock)
        self.residency.note_instance(GPU)
        for release in ("echo", "other"):
            self.residency.note("gpu:1", Resident(release, ResidentState.READY, version="1"))
        self.residency.learn("echo", SIZE, size_bytes=30)

    def watch(self, name: str, model: str = "echo") -> RunWatch:
        self.store.submit(replace(new_task(name), model=model))
        return RunWatch(self.store.claim_one())

    def use(self, used_bytes: int) -> None:
        """What the gauge shows now."""
        self.residency.note_instance(replace(GPU, used_bytes=used_bytes))

    def in_pause(self, do: Callable[[], object]) -> None:
        def once() -> None:
            self.clock.in_pause = nothing
            do()

        self.clock.in_pause = once


@pytest.fixture
def room(redis_url: str) -> Iterator[Room]:
    with open_store(redis_url) as store:
        store.tick(LEASE_MS // 1000)
        yield Room(store)


def test_what_fits_beside_the_others_begins_at_once(room: Room) -> None:
    began_s = room.clock.now_s
    with room.memory.hold(room.watch("a"), SIZE), room.memory.hold(room.watch("b"), SIZE):
        assert room.clock.now_s == began_s


def test_what_does_not_fit_waits_until_another_run_has_ended(room: Room) -> None:
    first, second, third = (room.watch(name) for name in "abc")
    with room.memory.hold(first, SIZE), room.memory.hold(second, SIZE):
        room.in_pause(lambda: room.store.claims.release(first.run))
        began_s = room.clock.now_s
        with room.memory.hold(third, SIZE):
            assert 0 < room.clock.now_s - began_s < 2


def test_whoever_waits_too_long_comes_back_later_without_a_try(room: Room) -> None:
    with room.memory.hold(room.watch("a"), SIZE), room.memory.hold(room.watch("b"), SIZE):
        with pytest.raises(Overloaded) as caught, room.memory.hold(room.watch("c"), SIZE):
            pass
        assert caught.value.category is Category.SATURATED


def test_a_run_that_nobody_is_in_the_way_of_tries_in_the_end(room: Room) -> None:
    """Else it would wait for ever; want of memory then has its own budget."""
    room.use(90)
    began_s = room.clock.now_s
    with room.memory.hold(room.watch("a"), SIZE):
        assert room.clock.now_s - began_s >= WAITS_S


def test_a_cancel_is_heard_while_it_waits(room: Room) -> None:
    room.use(90)
    watch = room.watch("a")
    room.in_pause(lambda: watch.end(Ending.STOP))
    with pytest.raises(RunCanceled), room.memory.hold(watch, SIZE):
        pass


def test_what_was_never_seen_begins_and_without_a_budget_nobody_is_asked(room: Room) -> None:
    room.use(100)
    began_s = room.clock.now_s
    with room.memory.hold(room.watch("a"), "2^40 pixels"):
        pass
    room.residency.note_instance(replace(GPU, budget_bytes=None))
    memory = ReserveMemory(Unreachable(), room.residency.instances, room.clock)
    with memory.hold(room.watch("b"), SIZE):
        assert room.clock.now_s == began_s


def test_a_store_that_is_away_stops_no_run(room: Room) -> None:
    with ReserveMemory(Unreachable(), room.residency.instances, room.clock).hold(room.watch("a"), SIZE):
        pass


@pytest.mark.parametrize(
    ("used_after", "is_looked", "neighbours", "learned"),
    [(95, True, 0, 55), (60, True, 0, 30), (95, False, 0, 30), (95, True, 1, 30)],
    ids=["grown", "less than known", "nobody has looked", "not alone"],
)
def test_what_memory_grew_by_is_learned(
    room: Room, used_after: int, *, is_looked: bool, neighbours: int, learned: int
) -> None:
    watch = room.watch("a")
    for number in range(neighbours):
        room.watch(f"n-{number}", model="other")
    with room.memory.hold(watch, SIZE):
        room.store.pass_time(10_000)
        room.clock.now_s += 10
        if is_looked:
            room.use(used_after)
    assert room.residency.learned("echo")[SIZE] == learned


def test_sizes_are_powers_of_two() -> None:
    picture = MediaInfo(MediaKind.PICTURE, "png", width=1000, height=1000)
    film = MediaInfo(MediaKind.VIDEO, "mp4", width=1000, height=1000, duration_s=2.0, frame_rate=25.0)
    assert [size_of(picture, 1), size_of(film, 1), size_of(None, 1000)] == ["2^20 pixels", "2^26 pixels", "2^10 bytes"]


class Unreachable:
    """Reservations in a store that is away."""

    def reserve(self, run: Run, size: str, *, is_last: bool) -> bool:
        raise Unavailable(f"{run} {size} {is_last}", service="redis", category=Category.NETWORK)

    def learn(self, run: Run, size: str, *, took_s: float) -> None:
        raise Unavailable(f"{run} {size} {took_s}", service="redis", category=Category.NETWORK)
