"""Routes, swaps and placed runs in a store that was broken by hand: audit names it, and mends what can be mended."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from broken_store import carry_out, populate
from record_store import RecordStore, open_store, walk

from orchestrator.adapters.redis.residency import RedisResidency
from orchestrator.adapters.redis.swaps import RedisSwaps
from orchestrator.domain.swap import Step, Swap, Turn

SWAP = Swap("swap_1", "echo", old="echo", new="echo@2", by="key_1")
BREAKS: Mapping[str, tuple[str, tuple[str, str, str]]] = {
    "routes are not listed": ("SREM orch:routed echo", ("missing", "routed", "echo")),
    "a model without routes is": ("SADD orch:routed ghost", ("orphan", "routed", "ghost")),
    "nobody goes on with a swap": ("SREM orch:swapping echo", ("missing", "swapping", "echo")),
    "somebody goes on with none": ("SADD orch:swapping ghost", ("orphan", "swapping", "ghost")),
    "somebody goes on with one that is over": ("SADD orch:swapping other", ("stray", "swapping", "other")),
}


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        RedisResidency(opened.scripts).route("echo", {"echo": 1})
        swaps = RedisSwaps(opened.scripts)
        swaps.begin(SWAP, instead_of=None)
        swaps.move(swaps.begin(replace(SWAP, model="other"), instead_of=None), Turn(Step.REFUSED))
        assert walk(opened) == set()
        yield opened


@pytest.mark.parametrize("broken", BREAKS)
def test_what_was_broken_is_named_and_mended(store: RecordStore, broken: str) -> None:
    command, expected = BREAKS[broken]
    carry_out(store, command)
    assert walk(store) == {expected}
    assert walk(store) == set()


def test_a_run_that_is_placed_on_no_release_is_named_and_holds_nothing_up(store: RecordStore) -> None:
    populate(store)
    carry_out(store, "HDEL orch:task:running release")
    carry_out(store, "SREM orch:routed echo")
    assert walk(store) == {("broken", "record", "running"), ("missing", "routed", "echo")}
