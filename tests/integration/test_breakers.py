"""While a dependency is away, what needs it waits in its place: nothing of it is claimed, and nothing used up."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from breaker_room import Node
from fakes_breakers import FakeBreakers
from front_door import Bells
from record_store import RecordStore, new_task, open_store
from run_room import HandClock, RunRoom, submit_upscale

from orchestrator.domain.breaker import R2, TRITON, AccessDenied, Outcome, Permit
from orchestrator.domain.errors import Category, Unavailable
from orchestrator.domain.task import NewTask, Status
from orchestrator.services.upkeep.ring_lanes import RingLanes
from orchestrator.telemetry import build_queue_metrics

AWAY = Unavailable("away", service="triton", category=Category.NETWORK)


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        yield opened


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
