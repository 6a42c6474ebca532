"""Requests in flight when memory does not suffice: what is asked again, how often, and in which order."""

from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest
from fakes_engine import FakeEngine

from orchestrator.domain.errors import Category, Unavailable
from orchestrator.pipelines.inflight import ModelRoute, Request, infer_in_order
from orchestrator.pipelines.pipeline import CancelToken
from orchestrator.ports.inference import Tensors

OOM = Unavailable("out of memory", service="triton", category=Category.GPU_MEMORY, code="gpu_oom")
REQUESTS = [Request(number, {"input": np.array([number])}) for number in range(6)]


class TightEngine(FakeEngine):
    """Its memory suffices for ``room`` requests at a time."""

    def __init__(self, room: int) -> None:
        super().__init__({"echo": self._answer})
        self._room = room
        self.answered: list[int] = []

    def _answer(self, inputs: Tensors) -> Tensors:
        if self.in_flight > self._room:
            raise OOM
        self.answered.append(int(inputs["input"][0]))
        return {"output": inputs["input"]}


def ask(engine: FakeEngine, *, window: int) -> Iterator[int]:
    route = ModelRoute(engine, "echo", ("output",), window, 1.0, CancelToken())
    for tag, outputs in infer_in_order(route, REQUESTS):
        assert outputs["output"] == [tag]
        yield tag


def test_half_as_many_at_a_time_are_tried_when_memory_does_not_suffice() -> None:
    engine = TightEngine(room=2)
    assert list(ask(engine, window=4)) == list(range(6))
    assert engine.answered == list(range(6)), "nothing is inferred twice"
    assert (engine.most_in_flight, engine.in_flight) == (4, 0)


@pytest.mark.parametrize(("room", "window"), [(1, 4), (0, 1)])
def test_it_is_tried_with_less_once_and_never_with_none(room: int, window: int) -> None:
    engine = TightEngine(room=room)
    with pytest.raises(Unavailable) as caught:
        list(ask(engine, window=window))
    assert caught.value is OOM
    assert (engine.answered, engine.in_flight) == ([], 0)


def test_another_failure_is_not_tried_again() -> None:
    def fail(_inputs: Tensors) -> Tensors:
        calls.append(1)
        raise Unavailable("away", service="triton", category=Category.NETWORK)

    calls: list[int] = []
    with suppress(Unavailable):
        list(ask(FakeEngine({"echo": fail}), window=4))
    assert len(calls) == 1
