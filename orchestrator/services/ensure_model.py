"""Ensure: a model is served before a run asks it."""

import threading
from dataclasses import dataclass, field

import structlog

from orchestrator.domain.errors import OrchestratorError
from orchestrator.ports.clock import Clock
from orchestrator.ports.inference import ModelControl, ServedModels

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class EnsureModel:
    """Asks Triton at most once in ``trust_s`` for each model, and loads what is not there, once per process."""

    control: ModelControl
    served: ServedModels
    clock: Clock
    trust_s: float = 5.0
    _seen_s: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ensure(self, model: str) -> None:
        """Return when ``model`` can be asked.

        Raises:
            Unavailable, Refused: as `ModelControl.load`.
        """
        if self._is_trusted(model):
            return
        with self._lock:
            if self._is_trusted(model):
                return
            if not self.control.is_ready(model):
                log.info("model.loading", model=model)
                self.control.load(model)
            self._note(model)
            self._seen_s[model] = self.clock.monotonic_s()

    def doubt(self, model: str) -> None:
        """A run found the model away: look again before the next one."""
        self._seen_s.pop(model, None)

    def _note(self, model: str) -> None:
        """For tasks that share what a version has made. No run fails for want of that."""
        try:
            ready = {state.version for state in self.control.index() if (state.name, state.state) == (model, "READY")}
            self.served.note(model, " ".join(sorted(ready)))
        except OrchestratorError as error:
            log.warning("model.unnoted", model=model, error=str(error))

    def _is_trusted(self, model: str) -> bool:
        return self.clock.monotonic_s() - self._seen_s.get(model, float("-inf")) < self.trust_s
