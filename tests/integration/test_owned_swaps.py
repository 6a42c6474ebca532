"""Swaps with the real owner: what is loaded and unloaded for them, and nothing else."""

from collections.abc import Iterator

import pytest
from owned_swaps import ROOM_FOR_ONE, OwnedSwaps
from record_store import RecordStore, open_store
from swap_room import GRACE_S

from orchestrator.domain.model import STOCK, Release
from orchestrator.domain.swap import Fault, Step


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as store:
        yield store


@pytest.mark.parametrize("budget", [None, ROOM_FOR_ONE], ids=["beside", "handed over"])
def test_each_release_can_follow_each_also_the_stock_one_once_it_is_gone(
    store: RecordStore, budget: int | None
) -> None:
    room = OwnedSwaps(store, budget=budget)
    room.push(1)
    room.push(2)
    serving = "echo"
    for version in (2, STOCK, 1, 2):
        release = Release("echo", version)
        room.server.moves.clear()
        room.ask.swap(release, by="key_1")
        room.settle()
        store.pass_time(int(1000 * GRACE_S))
        assert room.settle().step is Step.VERIFIED
        assert room.routes == {release.name: 100}
        assert room.server.moves == ([f"+{release.name}", f"-{serving}"][:: 1 if budget is None else -1])
        serving = release.name


def test_what_is_handed_over_is_not_loaded_again_before_the_new_release_whoever_waits_for_it(
    store: RecordStore,
) -> None:
    room = OwnedSwaps(store, budget=ROOM_FOR_ONE)
    room.ask.swap(room.push(1), by="key_1")
    assert room.settle().step is Step.VERIFIED
    room.server.moves.clear()
    room.ask.swap(room.push(2), by="key_1")
    while room.swap.step is not Step.DONE and len(room.server.moves) < 2:
        room.residency.want("echo")  # a claim that finds the model held back
        room.residency.want("echo@1")  # a task that names the old release
        room.tick(1)
    assert room.server.moves == ["-echo@1", "+echo@2"]


def test_a_pushed_release_that_was_handed_over_in_vain_serves_again(store: RecordStore) -> None:
    room = OwnedSwaps(store, budget=ROOM_FOR_ONE)
    room.ask.swap(room.push(1), by="key_1")
    room.settle()
    room.ask.swap(room.push(2, lambda inputs: {"y": -inputs["x"]}), by="key_1")
    swap = room.settle()
    assert (swap.step, swap.fault) == (Step.REFUSED, Fault.WRONG_OUTPUT)
    assert room.server.loaded == {"echo@1"}
    assert room.routes == {"echo@1": 100}
