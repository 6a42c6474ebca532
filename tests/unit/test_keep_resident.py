"""`KeepResident` and the rules of `domain/residency`, sentence by sentence, over servers that only count memory."""

from itertools import pairwise

from residency_world import PERIOD_MS, RULES, World

from orchestrator.domain.model import ResidentState
from orchestrator.services.residency.keep_resident import Wishes

READY, UNLOADED, CLOSING, FAILED = (
    ResidentState.READY,
    ResidentState.UNLOADED,
    ResidentState.CLOSING,
    ResidentState.FAILED,
)
PERIOD_S = PERIOD_MS // 1000
SIZES = {"a": 40, "b": 40, "c": 40}


def world_of_two() -> World:
    """Of three models, two fit; they are there."""
    world = World(SIZES, budget=100)
    for model in ("a", "b", "c"):
        world.residency.learn(model, "resident", size_bytes=40)
    world.tick(5)
    assert [world.state(model) for model in SIZES] == [READY, READY, UNLOADED]
    return world


class TestAsEver:
    def test_without_a_budget_everything_is_loaded_and_nothing_held_back(self) -> None:
        world = World(SIZES)
        world.tick(5)
        assert world.server.loaded == set(SIZES)
        assert not world.residency.held_back
        world.tick(120)
        assert world.server.moves == ["+a", "+b", "+c"]

    def test_what_was_there_before_is_taken_over(self) -> None:
        world = World(SIZES, budget=100)
        world.server.loaded |= {"b", "c"}
        world.tick(3)
        assert [world.state(model) for model in SIZES] == [UNLOADED, READY, READY]
        assert world.server.moves == []

    def test_only_what_is_named_is_loaded_at_start(self) -> None:
        world = World(SIZES, wishes=Wishes(RULES, preload=("b", "unknown")))
        world.tick(5)
        assert (world.server.moves, world.residency.held_back) == (["+b"], {"a", "c"})

    def test_an_idle_instance_is_looked_at_every_few_seconds_only(self) -> None:
        world = World(SIZES)
        world.tick(5)
        looks = world.server.looks
        world.tick(20)
        assert world.server.looks == looks + 4


class TestSwaps:
    def test_what_is_wanted_takes_the_place_of_what_was_used_longest_ago(self) -> None:
        world = world_of_two()
        world.end(world.run("a") or 0)
        world.tick(PERIOD_S)
        number = world.run("a")
        assert number is not None
        world.tick(1)
        world.end(number)
        assert world.run("c") is None
        world.tick(5)
        assert [world.state(model) for model in SIZES] == [READY, UNLOADED, READY]
        assert not world.residency.wanted()

    def test_not_before_the_youngest_has_served_its_time(self) -> None:
        world = world_of_two()
        world.run("c")
        world.tick(PERIOD_S - 10)
        assert world.state("c") is UNLOADED
        world.tick(15)
        assert world.state("c") is READY

    def test_who_still_uses_it_ends_first(self) -> None:
        world = world_of_two()
        runs = [world.run("a"), world.run("b")]
        world.run("c")
        world.tick(2 * PERIOD_S)
        assert [world.state(model) for model in SIZES].count(CLOSING) == 1
        for number in runs:
            world.end(number or 0)
        world.tick(5)
        assert world.state("c") is READY

    def test_what_is_kept_stays_and_what_cannot_fit_beside_it_is_refused(self) -> None:
        world = world_of_two()
        for model in ("a", "b"):
            world.residency.keep(world.addresses[0], model, is_kept=True)
        world.run("c")
        world.tick(2 * PERIOD_S)
        assert [world.state(model) for model in SIZES] == [READY, READY, FAILED]
        assert "c" not in world.residency.held_back
        (failed,) = (each for each in world.residency.instances()[0].residents if each.release == "c")
        assert failed.code == "gpu_oom"

    def test_two_that_want_one_place_take_turns_of_a_period(self) -> None:
        world = World({"a": 60, "b": 60}, budget=100)
        for second in range(20 * PERIOD_S):
            number = world.run("ab"[second % 2])
            world.tick()
            world.end(number if number is not None else -1)
        turns = len(world.evicted)
        assert 15 <= turns <= 20
        assert abs(world.served.count("a") - world.served.count("b")) < PERIOD_S * 3

    def test_what_grew_over_the_budget_goes_when_nobody_uses_it(self) -> None:
        world = world_of_two()
        number = world.run("a")
        world.server.real = {**SIZES, "a": 70}
        world.tick(6)
        assert [world.state(model) for model in ("a", "b")] == [READY, UNLOADED]
        world.end(number or 0)

    def test_an_operator_can_do_without_it(self) -> None:
        world = world_of_two()
        world.residency.dismiss("a")
        world.tick(3)
        assert (world.state("a"), world.residency.dismissed()) == (UNLOADED, frozenset())
        world.run("a")
        world.tick(3)
        assert world.state("a") is READY


class TestFailures:
    def test_out_of_memory_evicts_who_was_used_longest_ago_once(self) -> None:
        world = world_of_two()
        world.server.limit = 70
        world.residency.dismiss("b")
        world.tick(10)
        world.run("c")
        world.tick(3)
        assert world.server.moves[-2:] == ["-a", "+c"]
        assert world.state("c") is READY

    def test_and_rests_longer_each_time_it_fails(self) -> None:
        world = World(SIZES)
        world.server.broken.add("c")
        world.tick(2)
        world.server.tried_s.clear()
        for _ in range(700):
            world.residency.want("c")
            world.tick()
        assert world.state("c") is FAILED
        assert "c" not in world.residency.held_back
        pauses = [round(later - earlier) for earlier, later in pairwise(world.server.tried_s) if later > earlier]
        assert pauses[0] >= 30
        assert pauses == sorted(pauses)
        assert len(pauses) <= 5

    def test_a_server_that_comes_back_loads_what_it_served_before_it_is_asked(self) -> None:
        world = world_of_two()
        world.server.die()
        world.tick(1)
        assert (world.run("a"), world.residency.held_back) == (None, set(SIZES))
        for _ in range(10):
            world.tick(1)
            assert not world.residency.serving("a") or world.residency.serving("b")
        assert [world.state(model) for model in SIZES] == [READY, READY, UNLOADED]
        assert world.run("a") is not None

    def test_what_was_unloaded_behind_our_back_is_loaded_again(self) -> None:
        world = world_of_two()
        world.server.loaded.discard("a")
        world.tick(10)
        assert world.server.loaded == {"a", "b"}

    def test_what_the_watch_found_dead_is_loaded_anew(self) -> None:
        world = world_of_two()
        (dead, *_) = world.residency.instances()[0].residents
        world.residency.note(world.addresses[0], type(dead)(dead.release, FAILED, error="its stub died"))
        world.tick(7)
        assert world.server.moves[-2:] == ["-a", "+a"]
        assert world.state("a") is READY

    def test_another_owner_goes_on_where_one_died(self) -> None:
        world = world_of_two()
        number = world.run("a")
        world.run("c")
        world.tick(PERIOD_S + 1)
        world.owners[world.addresses[0]] = world.new_owner(world.addresses[0])
        world.tick(5)
        world.end(number or 0)
        world.tick(5)
        assert world.state("c") is READY

    def test_the_files_of_a_pushed_release_are_brought_first(self) -> None:
        world = World({"a": 10, "a@2": 10})
        world.residency.want("a@2")
        world.tick(5)
        assert (world.brought, world.state("a@2")) == (["a@2"], READY)

    def test_nobody_waits_for_what_nobody_has(self) -> None:
        world = World(SIZES)
        world.residency.want("unknown")
        world.tick(3)
        assert not world.residency.wanted()


class TestSeveral:
    def test_what_is_wanted_is_loaded_where_most_is_free(self) -> None:
        world = World(SIZES, budget=100, addresses=("one:1", "two:1"), wishes=Wishes(RULES, preload=("none",)))
        for model in SIZES:
            world.residency.learn(model, "resident", size_bytes=40)
            world.tick(3)
            world.run(model)
            world.tick(7)
        held = {address: len(server.loaded) for address, server in world.servers.items()}
        assert sorted(held.values()) == [1, 2]
        assert all(world.residency.serving(model) for model in SIZES)
