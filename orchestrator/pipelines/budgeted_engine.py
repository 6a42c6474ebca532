"""An inference engine that asks nothing for longer than its run may still take; Triton itself drops what is late."""

from dataclasses import dataclass, replace

from orchestrator.domain.errors import StageTimeout
from orchestrator.pipelines.run_watch import RunWatch
from orchestrator.ports.inference import USUAL, Inference, InferenceEngine, Tensors, Terms

LEAST_S = 0.001


@dataclass(frozen=True, slots=True)
class BudgetedInference:
    """One request. It ends with the budget, also where no beat ends the run."""

    inference: Inference
    watch: RunWatch

    @property
    def version(self) -> str:
        return self.inference.version

    def result(self, timeout_s: float) -> Tensors:
        try:
            return self.inference.result(min(timeout_s, self.watch.left_s()))
        except StageTimeout as error:
            self.watch.raise_if_late(error)
            raise

    def cancel(self) -> None:
        self.inference.cancel()


@dataclass(frozen=True, slots=True)
class BudgetedEngine:
    """Implements `ports.inference.InferenceEngine` around another, for one run."""

    engine: InferenceEngine
    watch: RunWatch

    def submit(
        self, model: str, inputs: Tensors, *, outputs: tuple[str, ...], terms: Terms = USUAL
    ) -> BudgetedInference:
        terms = replace(terms, within_s=max(LEAST_S, min(terms.within_s, self.watch.left_s())))
        inference = self.engine.submit(model, inputs, outputs=outputs, terms=terms)
        return BudgetedInference(inference, self.watch)
