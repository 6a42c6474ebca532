"""`KeepResident` where the gauge tells what each model holds: nothing is guessed, and what grows is learned."""

from residency_world import PERIOD_MS, RULES, World

from orchestrator.domain.model import ResidentState
from orchestrator.services.residency.keep_resident import Wishes

READY, UNLOADED = ResidentState.READY, ResidentState.UNLOADED
MIB = 1 << 20
SIZES = {"a": 40 * MIB, "b": 40 * MIB, "c": 40 * MIB}


def new_world(budget: int | None = 100 * MIB) -> World:
    world = World(SIZES, budget=budget, wishes=Wishes(RULES, preload=("a", "b")))
    world.server.tells = True
    return world


def test_what_was_loaded_before_its_owner_came_is_measured() -> None:
    world = new_world()
    world.server.loaded |= {"a"}
    world.tick()
    assert world.residency.learned("a") == {"resident": 40 * MIB}
    assert next(each.bytes for each in world.residency.instances()[0].residents) == 40 * MIB


def test_what_it_grew_by_since_is_learned_and_kept_as_the_largest_seen() -> None:
    world = new_world()
    world.tick(5)
    for size in (45 * MIB, 30 * MIB):
        world.server.real = {**SIZES, "a": size}
        world.tick(6)
        assert world.residency.learned("a") == {"resident": 45 * MIB}
    assert world.residency.learned("b") == {"resident": 40 * MIB}


def test_others_that_grow_while_it_loads_are_not_taken_for_it() -> None:
    world = new_world(budget=None)
    world.tick(5)

    def grow(_release: str) -> None:
        world.server.real = {**SIZES, "a": 90 * MIB}

    world.server.after_load = grow
    world.run("c")
    world.tick(5)
    assert world.state("c") is READY
    assert world.residency.learned("c") == {"resident": 40 * MIB}


def test_nothing_is_loaded_before_what_made_room_has_gone_for_good() -> None:
    world = new_world()
    world.tick(5 + PERIOD_MS // 1000)
    world.server.before_unload = world.server.lingering.add
    world.run("c")
    world.tick(8)
    assert [world.state(model) for model in SIZES].count(READY) == 1
    assert world.server.moves == ["+a", "+b", "-a"]
    world.server.lingering.clear()
    world.tick(3)
    assert [world.state(model) for model in SIZES] == [UNLOADED, READY, READY]
    assert world.residency.instances()[0].leaks == 0


def test_what_takes_less_than_it_once_did_is_no_leak() -> None:
    world = new_world()
    world.residency.learn("a", "resident", size_bytes=90 * MIB)
    world.tick(5)
    world.residency.dismiss("a")
    world.tick(30)
    assert (world.state("a"), world.residency.instances()[0].leaks) == (UNLOADED, 0)
