"""Owners of two servers through anything that may happen to them: what must hold at every moment, and in the end."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from residency_world import PERIOD_MS, World

PERIOD_S = PERIOD_MS // 1000
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["run", "crowd"]), st.sampled_from("abcd")),
        st.tuples(st.sampled_from(["end", "crash"]), st.integers(0, 5)),
        st.tuples(st.sampled_from(["leak", "server dies", "owner dies"]), st.integers(0, 1)),
        st.tuples(st.just("pass"), st.sampled_from([1, 5, 40])),
    ),
    min_size=10,
    max_size=40,
)


def act(world: World, what: str, *, which: str | int) -> None:
    address, going = world.addresses[which == 1], sorted(world.runs)
    match what, which:
        case "run", str(model):
            world.run(model)
        case "crowd", str(model):
            world.residency.crowd(world.addresses[0], model)
        case "pass", int(seconds):
            world.tick(seconds)
        case "end", int(number) if number < len(going):
            world.end(going[number])
        case "crash", int(number) if number < len(going):
            world.crash(going[number])
        case "leak", _:
            world.servers[address].leaks_next = True
        case "server dies", _:
            world.servers[address].die()
        case "owner dies", _:
            world.owners[address] = world.new_owner(address)
    world.tick()


LOST_TWICE: list[tuple[str, str | int]] = [
    *(("run", "c"), ("run", "a"), ("server dies", 1), ("run", "c"), ("server dies", 0)),
    *(("run", "a"), ("run", "b"), ("server dies", 1)),
]


@settings(max_examples=20)
@example(LOST_TWICE)
@given(ACTIONS)
def test_whatever_happens_it_stays_in_its_budget_and_serves_in_the_end(actions: list[tuple[str, str | int]]) -> None:
    """The world itself watches the budget, that nothing goes under a run, and the time between swaps."""
    sizes = {"a": 60, "b": 35, "c": 30, "d": 20}
    world = World(sizes, budget=100, addresses=("one:1", "two:1"))
    for model, size in sizes.items():
        world.residency.learn(model, "resident", size_bytes=size)
    for what, which in actions:
        act(world, what, which=which)
    for going in list(world.runs):
        world.end(going)
    world.served.clear()
    for _ in range(20 * PERIOD_S):
        for model in sizes:
            number = world.run(model)
            world.end(number if number is not None else -1)
        world.tick()
        if set(world.served) == set(sizes):
            return
    pytest.fail(f"never served: {set(sizes) - set(world.served)} after {actions}")
