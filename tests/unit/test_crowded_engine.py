"""`CrowdedEngine`: who can make room hears of want of memory, and of nothing else."""

import numpy as np
import pytest
from fakes_engine import FakeEngine

from orchestrator.domain.errors import Category, Unavailable
from orchestrator.pipelines.crowded_engine import CrowdedEngine
from orchestrator.ports.inference import Tensors


@pytest.mark.parametrize("category", [Category.GPU_MEMORY, Category.MODEL_UNAVAILABLE])
def test_want_of_memory_is_told_and_raised(category: Category) -> None:
    def fail(_inputs: Tensors) -> Tensors:
        raise Unavailable("no", service="triton", category=category)

    told: list[str] = []
    engine = CrowdedEngine(FakeEngine({"echo": fail}), lambda: told.append("crowded"))
    with pytest.raises(Unavailable):
        engine.submit("echo", {}, outputs=()).result(1)
    assert told == (["crowded"] if category is Category.GPU_MEMORY else [])


def test_what_comes_of_it_is_the_engines() -> None:
    tensors = {"x": np.ones(1)}
    inference = CrowdedEngine(FakeEngine({"echo": lambda inputs: inputs}), lambda: None).submit(
        "echo", tensors, outputs=("x",)
    )
    assert (inference.result(1), inference.version) == (tensors, "1")
