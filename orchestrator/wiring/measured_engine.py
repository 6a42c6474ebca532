"""An inference engine that times every request it passes on, by the model: of releases there are ever more."""

from dataclasses import dataclass
from time import perf_counter

from prometheus_client import Histogram

from orchestrator.domain.errors import OrchestratorError, RunEnded
from orchestrator.domain.model import Release
from orchestrator.ports.inference import USUAL, Inference, InferenceEngine, Tensors, Terms


@dataclass(frozen=True, slots=True)
class MeasuredInference:
    """One request, timed from its submit to its answer."""

    inference: Inference
    seconds: Histogram
    model: str
    begun_s: float

    @property
    def version(self) -> str:
        return self.inference.version

    def result(self, timeout_s: float) -> Tensors:
        outcome = "ok"
        try:
            return self.inference.result(timeout_s)
        except RunEnded:
            outcome = "canceled"
            raise
        except OrchestratorError as error:
            outcome = error.category.value
            raise
        finally:
            self.seconds.labels(self.model, outcome).observe(perf_counter() - self.begun_s)

    def cancel(self) -> None:
        self.inference.cancel()


@dataclass(frozen=True, slots=True)
class MeasuredEngine:
    """Implements `ports.inference.InferenceEngine` around another."""

    engine: InferenceEngine
    seconds: Histogram

    def submit(
        self, model: str, inputs: Tensors, *, outputs: tuple[str, ...], terms: Terms = USUAL
    ) -> MeasuredInference:
        begun_s = perf_counter()
        inference = self.engine.submit(model, inputs, outputs=outputs, terms=terms)
        return MeasuredInference(inference, self.seconds, Release.parse(model).model, begun_s)
