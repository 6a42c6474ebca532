"""Memory that leaks, and the planned restarts for which that is reason enough."""

from residency_world import PERIOD_MS, World

from orchestrator.domain.model import ResidentState
from orchestrator.domain.residency import Rules
from orchestrator.services.residency.keep_resident import Wishes

READY = ResidentState.READY


class TestLeaks:
    def leak(self, world: World, times: int) -> None:
        for _ in range(times):
            world.server.leaks_next = True
            world.residency.dismiss("a")
            world.tick(30)
            world.residency.want("a")
            world.tick(3)

    def test_memory_that_does_not_come_back_is_counted_and_the_third_time_restarts_it(self) -> None:
        world = World({"a": 10, "b": 10})
        world.tick(5)
        self.leak(world, 2)
        assert world.residency.instances()[0].leaks == 2
        assert world.server.restarts == []
        self.leak(world, 1)
        world.tick(10)
        assert len(world.server.restarts) == 1
        now = world.residency.instances()[0]
        assert (now.leaks, now.restarts, now.is_well) == (0, 1, True)
        assert world.state("b") is READY

    def test_who_runs_there_ends_first_but_not_for_ever(self) -> None:
        world = World({"a": 10}, wishes=Wishes(Rules(PERIOD_MS, leaks=3, host_bytes=12)))
        world.tick(2)
        number = world.run("a")
        assert number is not None
        world.tick(30)
        assert (world.server.restarts, world.run("a")) == ([], None)
        world.tick(40)
        assert len(world.server.restarts) == 1

    def test_one_instance_at_a_time(self) -> None:
        world = World({"a": 10}, addresses=("one:1", "two:1"), wishes=Wishes(Rules(PERIOD_MS, leaks=3, host_bytes=12)))
        for _ in range(60):
            world.tick(1)
            assert sum(instance.is_well for instance in world.residency.instances()) >= 1 or world.clock.now_s < 1_003
        assert [len(server.restarts) for server in world.servers.values()] == [1, 1]

    def test_without_a_warden_it_is_only_told(self) -> None:
        world = World({"a": 10}, wishes=Wishes(Rules(PERIOD_MS, leaks=3, host_bytes=12)), has_warden=False)
        world.tick(60)
        assert (world.server.restarts, world.run("a")) == ([], 0)
