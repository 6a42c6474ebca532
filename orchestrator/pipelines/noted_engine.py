"""An inference engine that notes for one run which version of which model has answered it."""

from dataclasses import dataclass

from orchestrator.domain.log_line import Plain
from orchestrator.ports.inference import USUAL, Inference, InferenceEngine, Tensors, Terms

Told = dict[str, Plain]


@dataclass(frozen=True, slots=True)
class NotedInference:
    """One request. What answers it is known only then: a swap may come while it is on its way."""

    inference: Inference
    model: str
    told: Told

    @property
    def version(self) -> str:
        return self.inference.version

    def result(self, timeout_s: float) -> Tensors:
        outputs = self.inference.result(timeout_s)
        for field, value in (("model", self.model), ("version", self.version)):
            seen = str(self.told.setdefault(field, value)).split(", ")
            if value not in seen:
                self.told[field] = ", ".join((*seen, value))
        return outputs

    def cancel(self) -> None:
        self.inference.cancel()


@dataclass(frozen=True, slots=True)
class NotedEngine:
    """Implements `ports.inference.InferenceEngine` around another.

    ``told`` gets ``model`` and ``version``, of all that have answered, in their order.
    """

    engine: InferenceEngine
    told: Told

    def submit(self, model: str, inputs: Tensors, *, outputs: tuple[str, ...], terms: Terms = USUAL) -> NotedInference:
        inference = self.engine.submit(model, inputs, outputs=outputs, terms=terms)
        return NotedInference(inference, model, self.told)
