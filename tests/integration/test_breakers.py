"""While a dependency is away, what needs it waits in its place: nothing of it is claimed, and nothing used up."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from fakes_breakers import FakeBreakers
from front_door import Bells
from record_store import RecordStore, new_task, open_store
from run_room import HandClock, RunRoom, submit_upscale

from orchestrator.adapters.redis.breakers import RedisBreakers
from orchestrator.domain.breaker import R2, TRITON, AccessDenied, Breaker, DependencyOpen, Outcome, Permit
from orchestrator.domain.errors import Category, Unavailable
from orchestrator.domain.task import NewTask, Status
from orchestrator.pipelines.registry import NEEDED_BY
from orchestrator.services.upkeep.find_out import FindOut
from orchestrator.services.upkeep.ring_lanes import RingLanes
from orchestrator.telemetry import QueueMetrics, build_queue_metrics

AWAY = Unavailable("away", service="triton", category=Category.NETWORK)


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        yield opened


@dataclass
class Node:
    """A store of records, and the breakers of one process on it."""

    store: RecordStore
    clock: HandClock = field(default_factory=HandClock)

    def __post_init__(self) -> None:
        self.breakers = RedisBreakers(self.store.scripts, self.clock, types=NEEDED_BY)

    def open(self, dependency: str) -> None:
        self.breakers.report(Permit(dependency), Outcome.DENIED)

    def close(self, dependency: str) -> None:
        while not (permit := self._ask(dependency)) or not permit.token:
            self.store.tick(1)
            self.clock.now_s += 1
        self.breakers.report(permit, Outcome.WELL)

    def _ask(self, dependency: str) -> Permit | None:
        try:
            return self.breakers.allow(dependency)
        except DependencyOpen:
            return None


@pytest.fixture
def node(store: RecordStore) -> Node:
    return Node(store)


def upscale(task_id: str) -> NewTask:
    return replace(new_task(task_id), type="image.upscale", model="realesrgan_x4")


class TestClaims:
    def test_what_needs_it_waits_in_order_and_is_claimed_when_it_is_back(self, node: Node) -> None:
        node.store.submit(*(new_task(f"t{number}") for number in range(3)))
        node.open(TRITON)
        for _ in range(3):
            claimed = node.store.claim(count=3)
            assert (claimed.runs, claimed.more) == ((), False)
            node.store.tick(1)
        before = [node.store.task(f"t{number}") for number in range(3)]
        assert [(task.status, task.epoch) for task in before] == [(Status.QUEUED, 0)] * 3
        node.close(TRITON)
        node.store.tick(2)
        assert [run.task.id for run in node.store.claim(count=3).runs] == ["t0", "t1", "t2"]

    def test_what_does_not_need_it_goes_on(self, node: Node) -> None:
        node.store.submit(upscale("picture"), new_task("echo"))
        node.open(R2)
        assert [run.task.id for run in node.store.claim(count=2).runs] == ["echo"]

    def test_two_that_are_away_keep_it_until_both_are_back(self, node: Node) -> None:
        node.store.submit(upscale("picture"))
        node.open(R2)
        node.open(TRITON)
        node.close(R2)
        node.store.tick(2)
        assert not node.store.claim().runs
        node.close(TRITON)
        node.store.tick(2)
        assert node.store.claim().runs

    @pytest.mark.parametrize("dependency", ["payload", "webhook:example.org"])
    def test_no_task_waits_for_whom_it_is_told(self, node: Node, dependency: str) -> None:
        node.store.submit(upscale("picture"))
        node.open(dependency)
        assert node.store.claim().runs

    def test_nobody_is_rung_for_it_and_it_says_what_it_waits_for(self, node: Node) -> None:
        bells, ring = Bells(), RingLanes(node.store.upkeep, Bells(), build_queue_metrics())
        ring = replace(ring, pulses=bells)
        node.store.submit(new_task("t"))
        node.open(TRITON)
        ring.tick()
        place = node.store.forecast.place(node.store.task("t"))
        assert place
        assert (bells.rung, place.away, place.eta_s) == ([], (TRITON,), None)
        node.close(TRITON)
        ring.tick()
        place = node.store.forecast.place(node.store.task("t"))
        assert place
        assert (bells.rung, place.away) == (["io"], ())

    def test_nothing_is_left_behind(self, node: Node) -> None:
        node.open(TRITON)
        node.close(TRITON)
        assert list(json.loads(node.store.dump())) == ["orch:openings:triton"]
        assert node.store.client.pttl("orch:openings:triton") > 0


class TestRuns:
    @pytest.fixture
    def breakers(self) -> FakeBreakers:
        return FakeBreakers(HandClock())

    @pytest.fixture
    def room(self, store: RecordStore, breakers: FakeBreakers, tmp_path: Path) -> RunRoom:
        store.tick(30)
        return RunRoom(store, tmp_path / "scratch", breakers=breakers)

    def test_a_run_that_finds_it_away_is_put_off_and_has_used_up_nothing(
        self, room: RunRoom, breakers: FakeBreakers
    ) -> None:
        breakers.report(Permit(TRITON), Outcome.DENIED)
        room.submit()
        room.execute()
        assert (room.task.status, room.task.tries, room.attempts) == (Status.QUEUED, {}, ())
        assert room.metrics.registry.get_sample_value("orchestrator_dependency_waits_total", {"dependency": "triton"})
        assert room.engine.in_flight == 0

    def test_so_has_the_run_whose_own_failure_shows_that_it_is_away(self, room: RunRoom, tmp_path: Path) -> None:
        submit_upscale(room, tmp_path)
        room.storage.failure = AccessDenied(service="storage")
        room.execute()
        assert (room.task.status, room.task.tries, room.attempts) == (Status.QUEUED, {}, ())


class TestFindOut:
    @dataclass
    class Probed:
        """A dependency that the keeper asks."""

        asked: int = 0
        error: Unavailable | None = AWAY

        def __call__(self) -> None:
            self.asked += 1
            if self.error:
                raise self.error

    @dataclass
    class Looked(FakeBreakers):
        """Breakers that count who looks."""

        looks: int = 0

        def look(self, dependency: str) -> Breaker:
            self.looks += 1
            return super().look(dependency)

        def list(self) -> tuple[Breaker, ...]:
            return ()

    @pytest.fixture
    def probe(self) -> Probed:
        return self.Probed()

    @pytest.fixture
    def metrics(self) -> QueueMetrics:
        return build_queue_metrics()

    @pytest.fixture
    def duty(self, node: Node, probe: Probed, metrics: QueueMetrics) -> FindOut:
        return FindOut(node.breakers, {TRITON: probe}, metrics)

    def gauge(self, metrics: QueueMetrics, name: str) -> float | None:
        return metrics.registry.get_sample_value(f"orchestrator_breaker_{name}", {"dependency": TRITON})

    def test_of_a_healthy_node_nothing_is_asked(self, duty: FindOut, probe: Probed, metrics: QueueMetrics) -> None:
        duty.tick()
        assert (probe.asked, self.gauge(metrics, "open")) == (0, 0)

    def test_of_a_healthy_node_even_the_store_is_asked_at_one_tick_of_three(self, metrics: QueueMetrics) -> None:
        breakers = self.Looked(HandClock())
        duty = FindOut(breakers, {TRITON: self.Probed()}, metrics)
        for _ in range(7):
            duty.tick()
        assert breakers.looks == 3
        breakers.report(Permit(TRITON), Outcome.FAILED)
        for _ in range(5):
            duty.tick()
        assert breakers.looks == 6, "at the next look, and from then on at each"

    def test_one_failure_of_anybody_is_enough_to_find_out_within_seconds(
        self, node: Node, duty: FindOut, metrics: QueueMetrics
    ) -> None:
        node.breakers.report(Permit(TRITON), Outcome.FAILED)
        for _ in range(3):
            duty.tick()
            node.store.tick(1)
            node.clock.now_s += 1
        assert (self.gauge(metrics, "open"), self.gauge(metrics, "denied")) == (1, 0)

    def test_it_keeps_closed_what_is_well(self, node: Node, duty: FindOut, probe: Probed) -> None:
        probe.error = None
        for _ in range(9):
            node.breakers.report(Permit(TRITON), Outcome.FAILED)
        for _ in range(3):
            duty.tick()
        node.breakers.report(Permit(TRITON), Outcome.FAILED)
        assert node.breakers.look(TRITON).failures == 10
        assert node.breakers.list() == ()

    def test_while_it_is_open_nothing_is_asked_and_then_it_is_asked_once(
        self, node: Node, duty: FindOut, probe: Probed
    ) -> None:
        node.open(TRITON)
        for second in range(1, 16):
            duty.tick()
            assert probe.asked == (second > 5), second  # and at 15 s a second time
            node.store.tick(1)
            node.clock.now_s += 1
        probe.error = None
        duty.tick()
        assert (probe.asked, node.breakers.list()) == (2, ())

    def test_denied_credentials_have_a_metric_of_their_own(
        self, node: Node, duty: FindOut, metrics: QueueMetrics
    ) -> None:
        node.open(TRITON)
        duty.tick()
        assert (self.gauge(metrics, "open"), self.gauge(metrics, "denied")) == (1, 1)
