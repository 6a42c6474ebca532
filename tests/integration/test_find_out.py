"""The keeper finds out what is away, so that no task is spent on it."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from breaker_room import Node
from fakes_breakers import FakeBreakers
from record_store import open_store
from run_room import HandClock

from orchestrator.domain.breaker import TRITON, Breaker, Outcome, Permit
from orchestrator.domain.errors import Category, Unavailable
from orchestrator.services.upkeep.find_out import FindOut
from orchestrator.telemetry import QueueMetrics, build_queue_metrics

AWAY = Unavailable("away", service="triton", category=Category.NETWORK)


@pytest.fixture
def node(redis_url: str) -> Iterator[Node]:
    with open_store(redis_url) as store:
        yield Node(store)


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
def probe() -> Probed:
    return Probed()


@pytest.fixture
def metrics() -> QueueMetrics:
    return build_queue_metrics()


@pytest.fixture
def duty(node: Node, probe: Probed, metrics: QueueMetrics) -> FindOut:
    return FindOut(node.breakers, {TRITON: probe}, metrics)


def reads(metrics: QueueMetrics, name: str) -> float | None:
    return metrics.registry.get_sample_value(f"orchestrator_breaker_{name}", {"dependency": TRITON})


def test_of_a_healthy_node_nothing_is_asked(duty: FindOut, probe: Probed, metrics: QueueMetrics) -> None:
    duty.tick()
    assert (probe.asked, reads(metrics, "open")) == (0, 0)


def test_of_a_healthy_node_even_the_store_is_asked_at_one_tick_of_three(metrics: QueueMetrics) -> None:
    breakers = Looked(HandClock())
    duty = FindOut(breakers, {TRITON: Probed()}, metrics)
    for _ in range(7):
        duty.tick()
    assert breakers.looks == 3
    breakers.report(Permit(TRITON), Outcome.FAILED)
    for _ in range(5):
        duty.tick()
    assert breakers.looks == 6, "at the next look, and from then on at each"


def test_one_failure_of_anybody_is_enough_to_find_out_within_seconds(
    node: Node, duty: FindOut, metrics: QueueMetrics
) -> None:
    node.breakers.report(Permit(TRITON), Outcome.FAILED)
    for _ in range(3):
        duty.tick()
        node.store.tick(1)
        node.clock.now_s += 1
    assert (reads(metrics, "open"), reads(metrics, "denied")) == (1, 0)


def test_it_keeps_closed_what_is_well(node: Node, duty: FindOut, probe: Probed) -> None:
    probe.error = None
    for _ in range(9):
        node.breakers.report(Permit(TRITON), Outcome.FAILED)
    for _ in range(3):
        duty.tick()
    node.breakers.report(Permit(TRITON), Outcome.FAILED)
    assert node.breakers.look(TRITON).failures == 10
    assert node.breakers.list() == ()


def test_while_it_is_open_nothing_is_asked_and_then_it_is_asked_once(node: Node, duty: FindOut, probe: Probed) -> None:
    node.open(TRITON)
    for second in range(1, 16):
        duty.tick()
        assert probe.asked == (second > 5), second  # and at 15 s a second time
        node.store.tick(1)
        node.clock.now_s += 1
    probe.error = None
    duty.tick()
    assert (probe.asked, node.breakers.list()) == (2, ())


def test_denied_credentials_have_a_metric_of_their_own(node: Node, duty: FindOut, metrics: QueueMetrics) -> None:
    node.open(TRITON)
    duty.tick()
    assert (reads(metrics, "open"), reads(metrics, "denied")) == (1, 1)


def test_whoever_scrapes_while_it_counts_reads_what_was_so_before(metrics: QueueMetrics) -> None:
    read = list[float | None]()

    class Scraped(FakeBreakers):
        def list(self) -> tuple[Breaker, ...]:
            read.append(reads(metrics, "open"))
            return super().list()

    breakers = Scraped(HandClock())
    breakers.report(Permit(TRITON), Outcome.DENIED)
    duty = FindOut(breakers, {TRITON: Probed()}, metrics)
    duty.tick()
    duty.tick()
    assert read[-1] == 1
