"""Several requests in flight, answers in order: back-pressure both ways with a window of fixed size.

What the GPU's memory does not suffice for is tried once more with less: fewer at a time, or smaller ones.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Generic, TypeVar

from orchestrator.domain.errors import Category, Unavailable
from orchestrator.pipelines.pipeline import CancelToken, Log
from orchestrator.ports.inference import Inference, InferenceEngine, Tensors

Tag = TypeVar("Tag")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Request(Generic[Tag]):
    """Tensors for the model, and whatever the caller needs to recognise the answer."""

    tag: Tag
    inputs: Tensors


@dataclass(frozen=True, slots=True)
class ModelRoute:
    """Where requests go: ``window`` is how many may be in flight, ``timeout_s`` how long one may take."""

    engine: InferenceEngine
    model: str
    outputs: tuple[str, ...]
    window: int
    timeout_s: float
    cancel: CancelToken

    def send(self, request: Request[Tag]) -> "Flight[Tag]":
        self.cancel.raise_if_canceled()
        inference = self.engine.submit(self.model, request.inputs, outputs=self.outputs)
        return Flight(request, inference, self.cancel.on_cancel(inference.cancel))


@dataclass(frozen=True, slots=True)
class Flight(Generic[Tag]):
    """A request on its way."""

    request: Request[Tag]
    inference: Inference
    forget: Callable[[], None]

    def abandon(self) -> None:
        self.forget()
        self.inference.cancel()


def infer_in_order(route: ModelRoute, requests: Iterable[Request[Tag]]) -> Iterator[tuple[Tag, Tensors]]:
    """Yield (tag, outputs) in the order of ``requests``, pulling the next request only when the window has room.

    Whatever ends the iteration (an error, a cancel, or the consumer walking away) cancels what is still in flight. When
    memory does not suffice, that is asked again instead, once, with half as many in flight from then on.
    """
    flying: deque[Flight[Tag]] = deque()
    waiting, window = iter(requests), route.window
    try:
        while True:
            while len(flying) < window and (request := next(waiting, None)) is not None:
                flying.append(route.send(request))
            if not flying:
                return
            try:
                outputs = flying[0].inference.result(route.timeout_s)
            except Unavailable as error:
                if not _wants_memory(error) or window == 1 or window < route.window:
                    raise
                window //= 2
                waiting = chain([flight.request for flight in flying], waiting)
                while flying:
                    flying.popleft().abandon()
                continue
            flight = flying.popleft()
            flight.forget()
            landed = flight.request.tag, outputs
            # The memory of a large answer serves the next request, if nobody holds it (docs/performance.md).
            del flight, outputs
            yield landed
            del landed
    finally:
        for flight in flying:
            flight.abandon()


def with_less(attempt: Callable[[int], Made], size: int, *, log: Log) -> Made:
    """``attempt(size)``; once more with half of it when the GPU's memory does not suffice for that."""
    try:
        return attempt(size)
    except Unavailable as error:
        if not _wants_memory(error):
            raise
    log("memory.short", level="warning", size=size, tried=size // 2)
    return attempt(size // 2)


def _wants_memory(error: Unavailable) -> bool:
    return error.category is Category.GPU_MEMORY
