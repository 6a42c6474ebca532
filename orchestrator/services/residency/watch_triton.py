"""Watch: each inference server is asked something now and then, and what does not answer is mended (ADR 0046)."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

import structlog

from orchestrator.domain.errors import Category, OrchestratorError, Refused, StageTimeout, Unavailable
from orchestrator.domain.model import ResidentState
from orchestrator.domain.stall import StallRule
from orchestrator.pipelines.zeros import zero_request
from orchestrator.ports.clock import Clock
from orchestrator.ports.inference import InferenceEngine, ModelMending, Tensors, Terms
from orchestrator.ports.model_figures import ModelFigures
from orchestrator.ports.residency import Residency
from orchestrator.ports.warden import Warden
from orchestrator.telemetry import WatchMetrics

log = structlog.get_logger()

CANARY = "echo"
FIRST = Terms(priority=1)  # a queue of others' requests must not look like silence
STARTS_WITHIN_S = 300.0  # one that loads what it held is away for so long, and then may hang like any other


class Answer(StrEnum):
    """What came of one question. What refuses or has no room is alive."""

    WELL = "well"
    DEAD = "dead"  # the model's process, of which the server knows nothing
    SILENT = "silent"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class WatchedServer:
    """A server as it is watched. Without a warden nobody can restart it."""

    address: str
    engine: InferenceEngine
    control: ModelMending
    figures: ModelFigures
    warden: Warden | None = None


@dataclass(frozen=True, slots=True)
class WatchRules:
    """How often, and how long it may take."""

    canary_every_s: float
    canary_within_s: float
    starts_within_s: float = STARTS_WITHIN_S


@dataclass(slots=True)
class WatchTriton:
    """A duty. A server that answers is asked every ``canary_every_s``, one that does not at every tick.

    ``ModelReady`` is not believed: with a dead stub it stays true for ever (stack facts C.8).
    """

    server: WatchedServer
    residency: Residency
    rules: WatchRules
    stalls: StallRule
    clock: Clock
    metrics: WatchMetrics
    _requests: dict[str, tuple[Tensors, tuple[str, ...]]] = field(default_factory=dict, init=False)
    _ill_since_s: float | None = field(default=None, init=False)
    _due_s: float = field(default=float("-inf"), init=False)
    _rests_until_s: float = field(default=float("-inf"), init=False)

    def tick(self) -> None:
        now_s = self.clock.monotonic_s()
        if now_s < self._due_s:
            return None
        answer = self._ask_canary()
        if answer is Answer.WELL:
            self._ill_since_s = None
            self._due_s = now_s + self.rules.canary_every_s
            return self._look_closer(now_s)
        since_s = self._ill_since_s = self._ill_since_s if self._ill_since_s is not None else now_s
        self._suspect(f"the canary is not answered: {answer}")
        patience_s = {
            Answer.DEAD: 0.0,
            Answer.SILENT: self.rules.canary_every_s,
            Answer.AWAY: self.rules.starts_within_s,
        }[answer]
        if self.clock.monotonic_s() - since_s >= patience_s:
            self._restart(f"the canary was not answered for {patience_s:g} s")
        return None

    def _ask_canary(self) -> Answer:
        """Twice if need be: one lost answer is none."""
        answer = self._canary_once()
        return self._canary_once() if answer in {Answer.SILENT, Answer.AWAY} else answer

    def _canary_once(self) -> Answer:
        began_s = self.clock.monotonic_s()
        answer = self._ask(CANARY)
        if answer is Answer.DEAD:
            answer = self._mended(CANARY)
        self.metrics.canaries.labels(self.server.address, answer.value).inc()
        self.metrics.canary_seconds.labels(self.server.address).observe(self.clock.monotonic_s() - began_s)
        return answer

    def _mended(self, model: str) -> Answer:
        """Of a model that is not served: nothing is wrong if it shall not be; else its process has died twice."""
        try:
            is_told_ready = any((row.name, row.state) == (model, "READY") for row in self.server.control.index())
        except OrchestratorError:
            return Answer.AWAY
        if not is_told_ready:
            return Answer.WELL
        again = self._ask(model)
        return again if again is not Answer.DEAD or not self._reload(model) else Answer.WELL

    def _look_closer(self, now_s: float) -> None:
        """At the counters of all models, since the canary tells of its own only."""
        try:
            stalled, doubtful = self.stalls.look(self.server.figures.read(), now_s)
        except OrchestratorError as error:
            log.warning("triton.uncounted", instance=self.server.address, error=str(error))
            return self._suspect("")
        broken = [model for model in doubtful if self._ask(model) is Answer.DEAD and self._mended(model) is Answer.DEAD]
        reasons = [f"{model} has stalled" for model in stalled] + [f"{model} is dead" for model in broken]
        self._suspect(reasons[0] if reasons else "")
        if reasons:
            self._restart(reasons[0])
        return None

    def _ask(self, model: str) -> Answer:
        try:
            inputs, outputs = self._request(model)
            inference = self.server.engine.submit(model, inputs, outputs=outputs, terms=FIRST)
            inference.result(self.rules.canary_within_s)
        except StageTimeout:
            return Answer.SILENT
        except Unavailable as error:
            served = {Category.MODEL_UNAVAILABLE: Answer.DEAD, Category.NETWORK: Answer.AWAY}
            return served.get(error.category, Answer.WELL)
        except (OrchestratorError, KeyError):
            return Answer.WELL
        return Answer.WELL

    def _request(self, model: str) -> tuple[Tensors, tuple[str, ...]]:
        """Kept: a server that hangs answers no questions about configurations, and that is no sign of a hang."""
        if model not in self._requests:
            self._requests[model] = zero_request(self.server.control.config(model))
        return self._requests[model]

    def _reload(self, model: str) -> bool:
        """Whether it serves again. Mending is not moving: its owner goes on holding it resident (ADR 0046)."""
        address = self.server.address
        log.error("model.process_died", instance=address, model=model)
        self.metrics.reloads.labels(address, model).inc()
        mine = (
            each
            for instance in self.residency.instances()
            if instance.address == address
            for each in instance.residents
        )
        resident = next((each for each in mine if each.release == model), None)
        if resident and resident.state is not ResidentState.READY:
            return True  # its owner is at it
        try:
            if resident:
                self.residency.note(address, replace(resident, state=ResidentState.LOADING))
            self.server.control.reload(model)
            if resident:
                self.residency.note(address, resident)
        except (Unavailable, Refused) as error:
            log.warning("model.not_mended", instance=address, model=model, error=str(error))
            return False
        return True

    def _suspect(self, reason: str) -> None:
        self.residency.suspect(self.server.address, reason)
        if reason:
            log.warning("triton.ill", instance=self.server.address, reason=reason)

    def _restart(self, reason: str) -> None:
        """Not again before it had the time to start: whatever is wrong, that would not help."""
        now_s = self.clock.monotonic_s()
        if now_s < self._rests_until_s:
            return
        self._rests_until_s = now_s + self.rules.starts_within_s
        if self.server.warden is None:
            log.error(
                "triton.hangs", instance=self.server.address, reason=reason, why="there is no warden to restart it"
            )
            return
        log.error("triton.restarting", instance=self.server.address, reason=reason)
        self.server.warden.restart(reason)
        self.metrics.restarts.labels(self.server.address).inc()
        self.stalls.forget()
