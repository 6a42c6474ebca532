"""`Swaps` on Valkey: a sentence of the port a test."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from record_store import START_MS, RecordStore, open_store

from orchestrator.adapters.redis.swaps import RedisSwaps
from orchestrator.domain.swap import Fault, Step, Swap, SwapInProgress, Turn
from orchestrator.ports.swaps import KEEPER, Standing

SWAP = Swap("swap_1", "echo", old="echo", new="echo@2", by="key_1", canary=10, watch_s=60)
PATH = (Step.CHECKING, Step.LOADING, Step.WARMING, Step.JUDGING, Step.SHIFTING, Step.WATCHING, Step.DONE, Step.VERIFIED)


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as store:
        yield store


@pytest.fixture
def swaps(store: RecordStore) -> RedisSwaps:
    return RedisSwaps(store.scripts)


@pytest.fixture
def begun(swaps: RedisSwaps) -> Standing:
    return swaps.begin(SWAP, instead_of=None)


def follow(swaps: RedisSwaps, standing: Standing, *steps: Step) -> Standing:
    for step in steps:
        moved = swaps.move(standing, Turn(step))
        assert moved
        standing = moved
    return standing


def test_a_swap_begins_in_the_place_of_the_last(swaps: RedisSwaps, begun: Standing) -> None:
    assert swaps.find("echo") == begun == Standing(SWAP, begun.token, START_MS)
    ended = follow(swaps, begun, Step.REFUSED)
    another = swaps.begin(replace(SWAP, id="swap_2"), instead_of=ended)
    assert swaps.find("echo") == another


def test_no_swap_begins_beside_another(swaps: RedisSwaps, begun: Standing) -> None:
    with pytest.raises(SwapInProgress):
        swaps.begin(replace(SWAP, id="swap_2"), instead_of=None)
    follow(swaps, begun, Step.REFUSED)
    with pytest.raises(SwapInProgress):
        swaps.begin(replace(SWAP, id="swap_2"), instead_of=begun)
    found = swaps.find("echo")
    assert found
    assert found.swap.id == "swap_1"


def test_of_two_who_have_seen_the_same_only_one_moves_it(swaps: RedisSwaps, begun: Standing) -> None:
    assert swaps.move(begun, Turn(Step.CHECKING))
    assert swaps.move(begun, Turn(Step.REFUSED)) is None
    found = swaps.find("echo")
    assert found
    assert found.swap.step is Step.CHECKING


def test_who_comes_too_late_changes_no_weight(swaps: RedisSwaps, store: RecordStore, begun: Standing) -> None:
    judged = follow(swaps, begun, *PATH[:4])
    back = swaps.move(judged, judged.swap.fail(Fault.WRONG_OUTPUT, "it is grey"))
    assert back
    assert swaps.move(judged, Turn(Step.WATCHING)) is None
    assert store.scripts.client.hgetall("orch:routes:echo") == {"echo": "100"}


def test_the_weights_follow_each_turn_at_once(swaps: RedisSwaps, store: RecordStore, begun: Standing) -> None:
    standing, seen = begun, []
    for step in PATH[:6]:
        standing = follow(swaps, standing, step)
        seen.append(store.scripts.client.hgetall("orch:routes:echo"))
    assert seen == [{"echo": "100"}] * 4 + [{"echo": "90", "echo@2": "10"}, {"echo@2": "100"}]


def test_a_model_that_was_never_swapped_has_none(swaps: RedisSwaps) -> None:
    assert swaps.find("echo") is None


def test_what_goes_on_is_listed_until_it_is_over(swaps: RedisSwaps, begun: Standing) -> None:
    swaps.begin(replace(SWAP, model="other", old="other", new="other@1"), instead_of=None)
    assert {standing.swap.model for standing in swaps.going()} == {"echo", "other"}
    follow(swaps, begun, *PATH)
    assert {standing.swap.model for standing in swaps.going()} == {"other"}


def test_a_standing_tells_how_long_it_has_lasted(swaps: RedisSwaps, store: RecordStore, begun: Standing) -> None:
    store.pass_time(2_500)
    found = swaps.find("echo")
    assert found
    assert (found.for_s, found.since_ms) == (2.5, START_MS)
    follow(swaps, begun, Step.CHECKING)
    found = swaps.find("echo")
    assert found
    assert (found.for_s, found.since_ms) == (0.0, START_MS + 2500)


def test_the_log_has_a_line_for_each_move_with_who_and_why(swaps: RedisSwaps, begun: Standing) -> None:
    checking = follow(swaps, begun, Step.CHECKING)
    swaps.move(checking, checking.swap.fail(Fault.BROKEN, "it does not open", figures={"problems": 2}), by="key_2")
    last, middle, first = swaps.audit("echo", limit=10)
    assert (first.step, first.by, first.swap_id, first.old, first.new) == (
        Step.FETCHING, "key_1", "swap_1", "echo", "echo@2",
    )  # fmt: skip
    assert (middle.step, middle.by) == (Step.CHECKING, KEEPER)
    assert (last.step, last.by, last.fault) == (Step.REFUSED, "key_2", Fault.BROKEN)
    assert (last.reason, last.figures) == ("it does not open", {"problems": 2})
    assert swaps.audit("echo", limit=1) == (last,)


def test_the_log_is_bounded(swaps: RedisSwaps, store: RecordStore, begun: Standing) -> None:
    fill = "for i = 1, 2000 do redis.call('XADD', 'orch:swaps:echo', '*', 'line', '{}') end"
    store.scripts.client.eval(fill, 0)
    follow(swaps, begun, Step.REFUSED)
    assert store.scripts.client.xinfo_stream("orch:swaps:echo")["length"] <= 1100  # whole nodes of a hundred go
