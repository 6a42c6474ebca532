"""`InferenceEngine` and `ModelControl` without Triton. They pass the same contract tests as the real ones."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from orchestrator.domain.errors import Category, OrchestratorError, Refused, RunCanceled, StageTimeout, Unavailable
from orchestrator.ports.inference import USUAL, InferenceServer, ModelState, Tensors, Terms

FakeModel = Callable[[Tensors], Tensors]


class FakeInference:
    """One request. Its model runs in the thread that asks for the result."""

    def __init__(self, engine: "FakeEngine", model: str, compute: Callable[[], Tensors], *, within_s: float) -> None:
        self._engine = engine
        self._model = model
        self._compute = compute
        self._until_s = time.monotonic() + within_s
        self._canceled = False
        self._outputs: Tensors | None = None

    @property
    def version(self) -> str:
        return "" if self._outputs is None else "1"

    def result(self, timeout_s: float) -> Tensors:
        with self._engine.changed:
            left_s = max(0.0, self._until_s - time.monotonic())
            in_time = self._engine.changed.wait_for(self._is_decided, min(timeout_s, left_s))
        if self._outputs is not None:
            return self._outputs
        try:
            if self._canceled:
                raise RunCanceled
            if not in_time:
                raise StageTimeout
            self._outputs = self._compute()
            return self._outputs
        finally:
            self._engine.land(self)

    def cancel(self) -> None:
        self._canceled = True
        self._engine.land(self)

    def _is_decided(self) -> bool:
        return self._canceled or self._outputs is not None or not self._engine.is_stalled(self._model)


class FakeEngine:
    """Each model is a function from inputs to outputs; an error that it raises appears in the result."""

    def __init__(self, models: Mapping[str, FakeModel]) -> None:
        self._models = models
        self._stalled: set[str] = set()
        self._flying: list[FakeInference] = []
        self.changed = threading.Condition()
        self.most_in_flight = 0
        self.allowed_s: list[float] = []  # what each request was allowed

    @property
    def in_flight(self) -> int:
        return len(self._flying)

    def submit(self, model: str, inputs: Tensors, *, outputs: tuple[str, ...], terms: Terms = USUAL) -> FakeInference:

        def compute() -> Tensors:
            if model not in self._models:
                raise Unavailable("no such model", service="triton", category=Category.MODEL_UNAVAILABLE)
            answer = self._models[model](inputs)
            return {name: answer[name] for name in outputs}

        with self.changed:
            inference = FakeInference(self, model, compute, within_s=terms.within_s)
            self._flying.append(inference)
            self.allowed_s.append(terms.within_s)
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            self.changed.notify_all()
        return inference

    def stall(self, model: str) -> None:
        """Requests to ``model`` stay unanswered until `resume`."""
        self._stalled.add(model)

    def resume(self, model: str) -> None:
        with self.changed:
            self._stalled.discard(model)
            self.changed.notify_all()

    def is_stalled(self, model: str) -> bool:
        return model in self._stalled

    def land(self, inference: FakeInference) -> None:
        """The request is in flight no more."""
        with self.changed:
            if inference in self._flying:
                self._flying.remove(inference)
            self.changed.notify_all()

    def wait_for_in_flight(self, count: int, timeout_s: float = 10.0) -> bool:
        """Whether ``count`` requests were in flight together before ``timeout_s`` had passed."""
        with self.changed:
            return self.changed.wait_for(lambda: self.in_flight >= count, timeout_s)


@dataclass
class FakeControl:
    """``states`` holds each model's state; loading a model of ``failures`` raises its error."""

    states: dict[str, str] = field(default_factory=dict)
    failures: Mapping[str, OrchestratorError] = field(default_factory=dict)
    away: bool = False
    loads: list[str] = field(default_factory=list)
    unloads: list[str] = field(default_factory=list)
    configs: dict[str, dict[str, str]] = field(default_factory=dict)

    def is_live(self) -> bool:
        return not self.away

    def is_ready(self, model: str) -> bool:
        return not self.away and self.states.get(model) == "READY"

    def load(self, model: str) -> None:
        self._answer()
        if self.is_ready(model):
            return
        if model in self.failures:
            raise self.failures[model]
        if model not in self.states:
            raise Refused("no such model", service="triton", category=Category.INTERNAL)
        self.loads.append(model)
        self.states[model] = "READY"

    def unload(self, model: str) -> None:
        self._answer()
        self.unloads.append(model)
        self.states[model] = "UNAVAILABLE"

    def reload(self, model: str) -> None:
        self.unload(model)
        self.load(model)

    def config(self, model: str) -> str:
        self._answer()
        if not self.is_ready(model):
            raise Unavailable("not served", service="triton", category=Category.MODEL_UNAVAILABLE)
        return json.dumps({"name": model, **self.configs.get(model, {})}, sort_keys=True)

    def index(self) -> tuple[ModelState, ...]:
        self._answer()
        return tuple(ModelState(name, "1", state, "") for name, state in self.states.items())

    def _answer(self) -> None:
        if self.away:
            raise Unavailable("away", service="triton", category=Category.NETWORK)


def served_by(engine: FakeEngine, control: FakeControl) -> Callable[[str], InferenceServer]:
    """One server, whatever its address."""
    server = InferenceServer(engine, control)
    return lambda _instance: server
