"""An inference engine that sends what a run asks of its model to the release that the run was placed on (ADR 0045)."""

from dataclasses import dataclass

from orchestrator.ports.inference import USUAL, Inference, InferenceEngine, Tensors, Terms


@dataclass(frozen=True, slots=True)
class PlacedEngine:
    """Implements `ports.inference.InferenceEngine` around another, for one run. Other models keep their names."""

    engine: InferenceEngine
    model: str
    release: str

    def submit(self, model: str, inputs: Tensors, *, outputs: tuple[str, ...], terms: Terms = USUAL) -> Inference:
        asked = self.release if model == self.model else model
        return self.engine.submit(asked, inputs, outputs=outputs, terms=terms)
