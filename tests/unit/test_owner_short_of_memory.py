"""`KeepResident` when memory does not suffice for a run, or for the samples that warm a release up."""

from counting_server import OOM
from residency_world import PERIOD_MS, World

from orchestrator.domain.model import ResidentState

READY, UNLOADED, FAILED = ResidentState.READY, ResidentState.UNLOADED, ResidentState.FAILED
PERIOD_S = PERIOD_MS // 1000
SIZES = {"a": 40, "b": 40, "c": 40}


class TestOutOfMemoryAtRun:
    def test_whom_nobody_uses_makes_room_once_a_period(self) -> None:
        world = World(SIZES)
        world.tick(5 + PERIOD_S)
        using = world.run("b")
        for second in range(PERIOD_S):  # it is told at every try
            world.residency.crowd(world.addresses[0], "a")
            world.tick()
            assert world.server.moves[3:] == (["-c"] if second else [])
        assert [world.state(model) for model in SIZES] == [READY, READY, UNLOADED]
        assert world.residency.instances()[0].crowded_by == ""
        world.end(using or 0)
        world.tick(2)
        world.residency.crowd(world.addresses[0], "a")
        world.tick(3)
        assert world.server.moves[3:] == ["-c", "-b"]

    def test_and_nobody_does_who_is_used_or_waited_for_or_kept_or_is_its_own(self) -> None:
        world = World(SIZES)
        world.tick(5 + PERIOD_S)
        world.run("b")
        world.residency.keep(world.addresses[0], "c", is_kept=True)
        world.residency.crowd(world.addresses[0], "a")
        world.tick(3)
        assert world.server.moves == ["+a", "+b", "+c"]


class TestWarmUp:
    def test_it_is_asked_its_own_samples_before_anybody_may_ask_it(self) -> None:
        world = World({"a": 10, "a@2": 10})
        states: list[ResidentState | None] = []
        world.warm_up = lambda release: states.append(world.state(release))
        world.residency.want("a@2")
        world.tick(5)
        assert (states, world.state("a@2")) == ([ResidentState.LOADING], READY)

    def test_what_its_samples_find_no_memory_for_is_not_loaded(self) -> None:
        world = World({"a": 10, "a@2": 10})

        def fail(_release: str) -> None:
            raise OOM

        world.tick(3)
        world.warm_up = fail
        world.residency.want("a@2")
        world.tick(3)
        assert (world.state("a@2"), world.server.loaded) == (FAILED, set())
        assert world.server.moves == ["+a", "+a@2", "-a@2", "-a", "+a@2", "-a@2"]
