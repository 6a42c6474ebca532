"""A swap as a keeper takes it from step to step, and how each bad release ends, with the owner and the models faked."""

import itertools
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest
from fakes_engine import FakeModel
from record_store import open_store
from swap_room import GPU, GRACE_S, SIZE_BYTES, SwapRoom, identity

from orchestrator.adapters.redis.swaps import RedisSwaps
from orchestrator.domain.errors import InvalidParams
from orchestrator.domain.model import Instance, ModelNotFound, Release
from orchestrator.domain.swap import Fault, NothingToRollBack, Step, SwapInProgress, Turn
from orchestrator.ports.swaps import KEEPER, Standing
from orchestrator.services.swaps.serve_first import ServeFirst


@pytest.fixture
def room(redis_url: str) -> Iterator[SwapRoom]:
    with open_store(redis_url) as store:
        yield SwapRoom(store)


@pytest.fixture
def two(room: SwapRoom) -> Release:
    return room.push(2)


def steps(room: SwapRoom) -> list[Step]:
    return [line.step for line in reversed(room.swaps.audit("echo", limit=100))]


def test_a_good_release_takes_everything_after_its_share_was_watched(room: SwapRoom, two: Release) -> None:
    room.ask.swap(two, by="key_1", canary=10, watch_s=60)
    assert room.settle().step is Step.SHIFTING
    assert room.routes == {"echo": 90, "echo@2": 10}
    assert room.tick(59).step is Step.SHIFTING
    assert room.tick(1).step is Step.WATCHING
    assert room.routes == {"echo@2": 100}
    assert room.tick(60).step is Step.DONE
    assert room.is_there("echo"), "it can be had back at once"
    room.tick(GRACE_S)
    assert room.settle().step is Step.VERIFIED
    assert room.resident == {"echo@2"}
    assert steps(room) == [
        Step.FETCHING, Step.CHECKING, Step.LOADING, Step.WARMING, Step.JUDGING, Step.SHIFTING, Step.WATCHING, Step.DONE,
        Step.DRAINING, Step.UNLOADING, Step.VERIFIED,
    ]  # fmt: skip
    assert room.swap.figures["in.npz max_abs"] == 0.0


def test_without_a_canary_it_takes_everything_once_it_is_judged(room: SwapRoom, two: Release) -> None:
    room.ask.swap(two, by="key_1")
    assert room.settle().step is Step.DONE
    assert Step.SHIFTING not in steps(room)


class Killed(Exception):
    """The keeper is gone."""


@dataclass(frozen=True)
class MortalSwaps(RedisSwaps):
    """Whoever moves a swap dies of it: now before the move is recorded, now afterwards."""

    moves: Iterator[int] = field(default_factory=itertools.count)

    def move(self, standing: Standing, turn: Turn, *, by: str = KEEPER) -> Standing | None:
        if next(self.moves) % 2:
            raise Killed
        super().move(standing, turn, by=by)
        raise Killed


def test_a_keeper_that_dies_at_any_step_leaves_a_swap_that_the_next_one_ends(room: SwapRoom, two: Release) -> None:
    duty = replace(room.duty, swaps=MortalSwaps(room.store.scripts))
    room.ask.swap(two, by="key_1", canary=10)
    for _ in range(30):
        with suppress(Killed):
            duty.tick()
        room.obey()
    assert room.swap.step is Step.DONE
    assert room.routes == {"echo@2": 100}


def test_what_two_keepers_do_at_once_is_done_once(room: SwapRoom, two: Release) -> None:
    room.ask.swap(two, by="key_1")
    standing = room.standing
    room.settle()
    assert room.swaps.move(standing, standing.swap.fail(Fault.SLOW, "by one that slept")) is None
    assert room.routes == {"echo@2": 100}


def test_a_release_that_was_kept_hands_that_on(room: SwapRoom, two: Release) -> None:
    room.residency.keep(GPU, "echo", is_kept=True)
    room.ask.swap(two, by="key_1")
    room.settle()
    assert {found.release: found.is_kept for found in room.residents} == {"echo": False, "echo@2": True}


def test_what_both_do_not_fit_into_is_handed_over(room: SwapRoom, two: Release) -> None:
    room.residency.note_instance(Instance(GPU, budget_bytes=SIZE_BYTES))
    pins = f"orch:pins:{GPU}:echo"
    room.store.client.eval("redis.call('SADD', ARGV[1], 'task_1')", 0, pins)
    room.ask.swap(two, by="key_1", canary=10)
    assert room.settle().step is Step.HANDING_OVER
    assert room.routes == {"echo@2": 0}
    assert room.is_there("echo"), "a run uses it"
    room.store.client.eval("redis.call('DEL', ARGV[1])", 0, pins)
    room.tick()
    assert not room.is_there("echo")
    assert room.settle().step is Step.VERIFIED
    assert room.resident == {"echo@2"}
    assert room.routes == {"echo@2": 100}, "there is nothing to share it with"


def test_a_hand_over_that_fails_brings_the_old_release_back(room: SwapRoom) -> None:
    room.residency.note_instance(Instance(GPU, budget_bytes=SIZE_BYTES))
    room.ask.swap(room.push(2, lambda inputs: {"y": -inputs["x"]}), by="key_1")
    assert room.settle().step is Step.REFUSED
    assert room.resident == {"echo"}
    assert room.routes == {"echo": 100}


@pytest.mark.parametrize("seconds", [0, 60])
def test_a_roll_back_is_one_call_and_instant_while_the_old_one_is_there(
    room: SwapRoom, two: Release, seconds: int
) -> None:
    room.ask.swap(two, by="key_1", canary=10, watch_s=60)
    room.settle()
    room.tick(seconds)
    room.back.roll_back("echo", by="key_2")
    assert room.routes == {"echo": 100}, "before any keeper has looked"
    swap = room.settle()
    assert (swap.step, swap.fault) == (Step.ROLLED_BACK, Fault.ASKED)
    assert room.resident == {"echo"}
    assert next(line for line in room.swaps.audit("echo", limit=9) if line.step is Step.ROLLING_BACK).by == "key_2"


def test_a_swap_that_is_done_can_be_rolled_back_at_once(room: SwapRoom, two: Release) -> None:
    room.ask.swap(two, by="key_1")
    assert room.settle().step is Step.DONE
    room.back.roll_back("echo", by="key_2")
    assert room.routes == {"echo": 100}


def test_an_old_release_that_has_gone_is_swapped_in_again(room: SwapRoom, two: Release) -> None:
    room.ask.swap(two, by="key_1")
    room.settle()
    room.tick(GRACE_S)
    assert room.settle().step is Step.VERIFIED
    begun = room.back.roll_back("echo", by="key_2")
    assert (begun.swap.old, begun.swap.new, begun.swap.by) == ("echo@2", "echo", "key_2")
    assert room.routes == {"echo@2": 100}
    assert room.settle().step is Step.DONE
    assert room.routes == {"echo": 100}


def test_there_must_be_something_to_go_back_to(room: SwapRoom) -> None:
    with pytest.raises(NothingToRollBack):
        room.back.roll_back("echo", by="key_1")
    room.ask.swap(room.push(2, lambda inputs: {"y": -inputs["x"]}), by="key_1")
    room.settle()
    with pytest.raises(NothingToRollBack):
        room.back.roll_back("echo", by="key_1")


def test_one_swap_of_a_model_at_a_time(room: SwapRoom, two: Release) -> None:
    room.ask.swap(two, by="key_1", canary=10, watch_s=60)
    with pytest.raises(SwapInProgress):
        room.ask.swap(room.push(3), by="key_1")
    room.settle()
    with pytest.raises(SwapInProgress):
        room.ask.swap(room.push(3), by="key_1")


def test_the_release_that_was_kept_for_a_roll_back_makes_room_for_the_next_swap(room: SwapRoom, two: Release) -> None:
    room.ask.swap(two, by="key_1")
    room.settle()
    room.ask.swap(room.push(3), by="key_1")
    assert "echo" in room.residency.dismissed()
    assert room.settle().step is Step.DONE


@pytest.mark.parametrize(
    ("model", "step"), [(identity, Step.VERIFIED), (lambda inputs: {"y": -inputs["x"]}, Step.REFUSED)]
)
def test_the_first_release_of_a_model_takes_the_place_of_none(room: SwapRoom, model: FakeModel, step: Step) -> None:
    room.residency.forget(GPU, "echo")
    room.ask.swap(room.push(1, model), by="key_1")
    assert not room.store.client.get("orch:serving:echo"), "tasks of it wait until it is judged"
    assert room.routes == {"echo@1": 0}
    assert room.settle().step is step
    assert room.routes == ({"echo@1": 100} if step is Step.VERIFIED else {})
    assert not {"mean ms", "old mean ms"} & room.swap.figures.keys(), (
        "there is no old one, and nobody asked the new one"
    )
    with pytest.raises(ModelNotFound if step is Step.VERIFIED else NothingToRollBack):
        room.back.roll_back("echo", by="key_1")


def serve_first(room: SwapRoom, release: Release) -> Step | None:
    ServeFirst(room.residency, lambda new, by: room.ask.swap(new, by=by)).serve(release, by="key_1")
    found = room.swaps.find("echo")
    return found.swap.step if found else None


def test_what_is_pushed_serves_by_itself_while_nothing_of_its_model_does(room: SwapRoom) -> None:
    room.residency.forget(GPU, "echo")
    spoiled = room.push(1, lambda inputs: {"y": -inputs["x"]})
    for _ in range(2):
        assert serve_first(room, spoiled) is Step.FETCHING, "again is harmless"
    assert room.settle().step is Step.REFUSED
    assert serve_first(room, room.push(2)) is Step.FETCHING
    assert room.settle().step is Step.VERIFIED
    assert serve_first(room, room.push(3)) is Step.VERIFIED
    assert room.routes == {"echo@2": 100}


def test_what_takes_the_place_of_another_does_not(room: SwapRoom, two: Release) -> None:
    assert serve_first(room, two) is None


def test_nobody_can_tell_what_is_first_before_an_owner_has_looked(room: SwapRoom, two: Release) -> None:
    room.residency.forget(GPU, "echo")
    room.residency.note_instance(Instance(GPU, is_well=False, reason="starting"))
    assert serve_first(room, two) is None


def test_what_cannot_begin_is_said_at_once(room: SwapRoom) -> None:
    with pytest.raises(ModelNotFound):
        room.ask.swap(Release("echo", 9), by="key_1")
    with pytest.raises(InvalidParams, match="serves already"):
        room.ask.swap(Release("echo"), by="key_1")
    assert room.swaps.find("echo") is None
