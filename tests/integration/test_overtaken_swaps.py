"""Who swaps or rolls back at the moment at which a keeper takes the last swap a step further is heard all the same."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
from record_store import open_store
from swap_room import GRACE_S, SwapRoom

from orchestrator.adapters.redis.swaps import RedisSwaps
from orchestrator.domain.model import Release
from orchestrator.domain.swap import Step
from orchestrator.ports.swaps import Standing


@pytest.fixture
def room(redis_url: str) -> Iterator[SwapRoom]:
    with open_store(redis_url) as store:
        yield SwapRoom(store)


@pytest.fixture
def two(room: SwapRoom) -> Release:
    return room.push(2)


@dataclass(frozen=True)
class OvertakenSwaps(RedisSwaps):
    """A keeper goes on after each of the first looks, before who has looked says anything."""

    go_on: Iterator[Callable[[], object]]

    def find(self, model: str) -> Standing | None:
        found = super().find(model)
        next(self.go_on, lambda: None)()
        return found


def test_a_keeper_that_tidies_up_meanwhile_is_in_nobodys_way(room: SwapRoom, two: Release) -> None:
    room.ask.swap(two, by="key_1")
    assert room.settle().step is Step.DONE
    goes_on = iter([lambda: room.tick(GRACE_S), room.settle])
    ask = replace(room.ask, swaps=OvertakenSwaps(room.store.scripts, goes_on))
    assert ask.swap(room.push(3), by="key_1").swap.old == "echo@2"


def test_a_roll_back_reaches_a_swap_that_goes_on_at_the_same_moment(room: SwapRoom, two: Release) -> None:
    room.ask.swap(two, by="key_1", canary=10, watch_s=60)
    back = replace(room.back, swaps=OvertakenSwaps(room.store.scripts, iter([room.tick])))
    back.roll_back("echo", by="key_2")
    assert room.routes == {"echo": 100}
