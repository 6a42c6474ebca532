"""An inference engine that tells somebody when memory does not suffice: room is made while less is tried (ADR 0045)."""

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.domain.errors import Category, Unavailable
from orchestrator.ports.inference import USUAL, Inference, InferenceEngine, Tensors, Terms


@dataclass(frozen=True, slots=True)
class CrowdedInference:
    """One request."""

    inference: Inference
    tell: Callable[[], None]

    @property
    def version(self) -> str:
        return self.inference.version

    def result(self, timeout_s: float) -> Tensors:
        try:
            return self.inference.result(timeout_s)
        except Unavailable as error:
            if error.category is Category.GPU_MEMORY:
                self.tell()
            raise

    def cancel(self) -> None:
        self.inference.cancel()


@dataclass(frozen=True, slots=True)
class CrowdedEngine:
    """Implements `ports.inference.InferenceEngine` around another."""

    engine: InferenceEngine
    tell: Callable[[], None]

    def submit(
        self, model: str, inputs: Tensors, *, outputs: tuple[str, ...], terms: Terms = USUAL
    ) -> CrowdedInference:
        inference = self.engine.submit(model, inputs, outputs=outputs, terms=terms)
        return CrowdedInference(inference, self.tell)
