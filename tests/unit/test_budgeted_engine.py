"""`BudgetedEngine`: what is left to a run, or to its stage, is what the server is told of each request."""

import math

import pytest
from fakes_engine import FakeEngine
from run_room import HandClock
from running_task import RUN

from orchestrator.domain.errors import StageTimeout
from orchestrator.pipelines.budgeted_engine import BudgetedEngine
from orchestrator.pipelines.run_watch import Budget, RunWatch
from orchestrator.ports.inference import Terms

OF_THE_STAGE = StageTimeout("the stage infer took longer than 9 s")
OF_THE_RUN = StageTimeout("the task ran longer than its run_for_s", code="run_for_exceeded")


@pytest.fixture
def engine() -> FakeEngine:
    engine = FakeEngine({})
    engine.stall("slow")
    return engine


def test_the_server_is_told_what_is_left(engine: FakeEngine) -> None:
    clock = HandClock(now_s=0.0)
    watch = RunWatch(RUN, budget=Budget(9.0, OF_THE_RUN), now_s=clock.monotonic_s)
    budgeted = BudgetedEngine(engine, watch)
    for now_s, ends_s, within_s in (
        (0, 5, math.inf),
        (4, 5, math.inf),
        (6, 20, math.inf),
        (7, 20, 1.0),
        (10, 20, math.inf),
    ):
        clock.now_s = now_s
        watch.allow(Budget(ends_s, OF_THE_STAGE))
        budgeted.submit("slow", {}, outputs=(), terms=Terms(within_s=within_s)).cancel()
    assert engine.allowed_s == [5, 1, 3, 1, 0.001]


def test_without_a_budget_only_the_engine_decides(engine: FakeEngine) -> None:
    BudgetedEngine(engine, RunWatch(RUN)).submit("slow", {}, outputs=()).cancel()
    assert engine.allowed_s == [math.inf]


def test_what_is_late_for_the_run_ends_as_the_run_would_without_any_beat(engine: FakeEngine) -> None:
    watch = RunWatch(RUN)
    watch.allow(Budget(watch.now_s() + 0.1, OF_THE_STAGE))
    with pytest.raises(StageTimeout) as caught:
        BudgetedEngine(engine, watch).submit("slow", {}, outputs=()).result(30)
    assert caught.value is OF_THE_STAGE
    assert engine.in_flight == 0


def test_what_is_only_slow_is_told_so(engine: FakeEngine) -> None:
    watch = RunWatch(RUN)
    watch.allow(Budget(watch.now_s() + 60, OF_THE_STAGE))
    with pytest.raises(StageTimeout) as caught:
        BudgetedEngine(engine, watch).submit("slow", {}, outputs=()).result(0.05)
    assert caught.value is not OF_THE_STAGE
