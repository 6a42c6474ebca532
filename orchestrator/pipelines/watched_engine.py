"""An inference engine whose requests somebody watches, and what two of those who do are told (ADR 0045).

A watch hears of each request, and may refuse it by raising; what it returns is entered around the wait for the answer.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from orchestrator.domain.errors import Category, Unavailable
from orchestrator.domain.log_line import Plain
from orchestrator.ports.inference import USUAL, Inference, InferenceEngine, Tensors, Terms

Waiting = Callable[[Inference], AbstractContextManager[None]]
Watch = Callable[[str], Waiting]
Told = dict[str, Plain]


@dataclass(frozen=True, slots=True)
class WatchedInference:
    """One request. One that nobody waits for is not heard of."""

    inference: Inference
    waiting: Waiting

    @property
    def version(self) -> str:
        return self.inference.version

    def result(self, timeout_s: float) -> Tensors:
        with self.waiting(self.inference):
            return self.inference.result(timeout_s)

    def cancel(self) -> None:
        self.inference.cancel()


@dataclass(frozen=True, slots=True)
class WatchedEngine:
    """Implements `ports.inference.InferenceEngine` around another."""

    engine: InferenceEngine
    watch: Watch

    def submit(
        self, model: str, inputs: Tensors, *, outputs: tuple[str, ...], terms: Terms = USUAL
    ) -> WatchedInference:
        waiting = self.watch(model)
        return WatchedInference(self.engine.submit(model, inputs, outputs=outputs, terms=terms), waiting)


def noting(told: Told) -> Watch:
    """``told`` gets ``model`` and ``version`` of all that have answered, in their order.

    What answers is known only then: a swap may come while a request is on its way.
    """

    def watch(model: str) -> Waiting:
        @contextmanager
        def waiting(inference: Inference) -> Iterator[None]:
            yield
            for field, value in (("model", model), ("version", inference.version)):
                seen = str(told.setdefault(field, value)).split(", ")
                if value not in seen:
                    told[field] = ", ".join((*seen, value))

        return waiting

    return watch


def telling_of_want(tell: Callable[[], None]) -> Watch:
    """``tell`` is called when memory does not suffice: room is made while less is tried."""

    @contextmanager
    def waiting(_inference: Inference) -> Iterator[None]:
        try:
            yield
        except Unavailable as error:
            if error.category is Category.GPU_MEMORY:
                tell()
            raise

    return lambda _model: waiting
