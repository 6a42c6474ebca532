"""Several requests in flight, answers in order: back-pressure both ways with a window of fixed size."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from orchestrator.pipelines.pipeline import CancelToken
from orchestrator.ports.inference import Inference, InferenceEngine, Tensors

Tag = TypeVar("Tag")


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


def infer_in_order(route: ModelRoute, requests: Iterable[Request[Tag]]) -> Iterator[tuple[Tag, Tensors]]:
    """Yield (tag, outputs) in the order of ``requests``, pulling the next request only when the window has room.

    Whatever ends the iteration (an error, a cancel, or the consumer walking away) cancels what is still in flight.
    """
    flying: deque[tuple[Tag, Inference, Callable[[], None]]] = deque()

    def land() -> tuple[Tag, Tensors]:
        tag, inference, forget = flying[0]
        outputs = inference.result(route.timeout_s)
        flying.popleft()
        forget()
        return tag, outputs

    try:
        for request in requests:
            route.cancel.raise_if_canceled()
            inference = route.engine.submit(route.model, request.inputs, outputs=route.outputs)
            flying.append((request.tag, inference, route.cancel.on_cancel(inference.cancel)))
            if len(flying) >= route.window:
                yield land()
        while flying:
            yield land()
    finally:
        for _, inference, forget in flying:
            forget()
            inference.cancel()
