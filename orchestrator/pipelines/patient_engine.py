"""An inference engine that waits inside the run while its model's queue is full, before the task is put off."""

from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.domain.errors import Overloaded
from orchestrator.domain.retry import Policy
from orchestrator.pipelines.run_watch import RunWatch
from orchestrator.ports.clock import Clock
from orchestrator.ports.inference import USUAL, Inference, InferenceEngine, Tensors, Terms

WAITS_S = 30.0
PAUSES = Policy(tries=0, first_s=0.2, cap_s=2.0, burns_attempt=False)


@dataclass(slots=True)
class Patience:
    """Of one run: it is over when nothing that the run asks was answered for ``WAITS_S``."""

    watch: RunWatch
    clock: Clock
    _answered_s: float = field(default=float("-inf"), init=False)
    _refusals: int = field(default=0, init=False)

    def answered(self) -> None:
        self._answered_s, self._refusals = self.clock.monotonic_s(), 0

    def bear(self, refused: Overloaded, *, asked_s: float) -> None:
        """Return when the model may be asked again; longer after each refusal in a row, and never in step with others.

        Raises:
            Overloaded: it is ``refused`` for too long by now.
            RunCanceled: the run must end.
        """
        left_s = max(asked_s, self._answered_s) + WAITS_S - self.clock.monotonic_s()
        if left_s <= 0:
            raise refused
        self._refusals += 1
        if self._refusals == 1:
            self.watch.log("model.full", waits_s=WAITS_S)
        self.watch.pause(min(left_s, PAUSES.backoff_s(self._refusals, self.clock.jitter())), self.clock)


@dataclass(slots=True)
class PatientInference:
    """One request, sent again as often as it takes."""

    send: Callable[[], Inference]
    patience: Patience
    asked_s: float
    _sent: Inference = field(init=False)

    def __post_init__(self) -> None:
        self._sent = self.send()

    @property
    def version(self) -> str:
        return self._sent.version

    def result(self, timeout_s: float) -> Tensors:
        while True:
            try:
                outputs = self._sent.result(timeout_s)
            except Overloaded as refused:
                self.patience.bear(refused, asked_s=self.asked_s)
            else:
                self.patience.answered()
                return outputs
            self._sent = self.send()
            if self.patience.watch.cancel.is_canceled:  # meanwhile, when there was nothing to cancel
                self._sent.cancel()

    def cancel(self) -> None:
        self._sent.cancel()


@dataclass(frozen=True, slots=True)
class PatientEngine:
    """Implements `ports.inference.InferenceEngine` around another, for one run."""

    engine: InferenceEngine
    patience: Patience

    def submit(
        self, model: str, inputs: Tensors, *, outputs: tuple[str, ...], terms: Terms = USUAL
    ) -> PatientInference:
        def send() -> Inference:
            return self.engine.submit(model, inputs, outputs=outputs, terms=terms)

        return PatientInference(send, self.patience, self.patience.clock.monotonic_s())
