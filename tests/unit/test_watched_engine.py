"""`WatchedEngine`: who can make room hears of want of memory, and a run of what has answered it."""

import numpy as np
import pytest
from fakes_engine import FakeEngine

from orchestrator.domain.errors import Category, Unavailable
from orchestrator.pipelines.watched_engine import Told, WatchedEngine, noting, telling_of_want
from orchestrator.ports.inference import Tensors


@pytest.mark.parametrize("category", [Category.GPU_MEMORY, Category.MODEL_UNAVAILABLE])
def test_want_of_memory_is_told_and_raised(category: Category) -> None:
    def fail(_inputs: Tensors) -> Tensors:
        raise Unavailable("no", service="triton", category=category)

    told: list[str] = []
    engine = WatchedEngine(FakeEngine({"echo": fail}), telling_of_want(lambda: told.append("crowded")))
    with pytest.raises(Unavailable):
        engine.submit("echo", {}, outputs=()).result(1)
    assert told == (["crowded"] if category is Category.GPU_MEMORY else [])


def test_what_comes_of_it_is_the_engines() -> None:
    tensors = {"x": np.ones(1)}
    engine = WatchedEngine(FakeEngine({"echo": lambda inputs: inputs}), telling_of_want(lambda: None))
    inference = engine.submit("echo", tensors, outputs=("x",))
    assert (inference.result(1), inference.version) == (tensors, "1")


def test_all_that_answered_are_noted_once_and_in_their_order() -> None:
    told: Told = {}
    engine = WatchedEngine(FakeEngine({name: lambda inputs: inputs for name in ("echo", "echo@2")}), noting(told))
    for model in ("echo", "echo@2", "echo"):
        engine.submit(model, {}, outputs=()).result(1)
    assert told == {"model": "echo, echo@2", "version": "1"}


def test_what_nobody_waits_for_is_not_noted() -> None:
    told: Told = {}
    WatchedEngine(FakeEngine({"echo": lambda inputs: inputs}), noting(told)).submit("echo", {}, outputs=()).cancel()
    assert told == {}
