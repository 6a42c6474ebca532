"""Ensure: a model is served before a run asks it."""

import hashlib
import threading
from dataclasses import dataclass, field

import structlog

from orchestrator.domain.errors import OrchestratorError
from orchestrator.ports.clock import Clock
from orchestrator.ports.inference import ModelControl, ServedModels, Serving

log = structlog.get_logger()

Seen = tuple[float, Serving]


@dataclass(frozen=True, slots=True)
class EnsureModel:
    """Asks Triton at most once in ``trust_s`` for each model, and loads what is not there, once per process."""

    control: ModelControl
    served: ServedModels
    clock: Clock
    trust_s: float = 5.0
    _seen: dict[str, Seen] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ensure(self, model: str) -> Serving:
        """Return when ``model`` can be asked, and say what will answer.

        Raises:
            Unavailable, Refused: as `ModelControl.load`.
        """
        known = self._trusted(model)
        if known is not None:
            return known
        with self._lock:
            known = self._trusted(model)
            if known is not None:
                return known
            if not self.control.is_ready(model):
                log.info("model.loading", model=model)
                self.control.load(model)
            return self._look(model)

    def serving(self, model: str) -> Serving | None:
        """What answers for ``model`` now, None when nothing does or nobody can say. Nothing is loaded."""
        known = self._trusted(model)
        if known is None and self.control.is_ready(model):
            known = self._look(model)
        return known if known and known.version else None

    def doubt(self, model: str) -> None:
        """A run found the model away: look again before the next one."""
        self._seen.pop(model, None)

    def _look(self, model: str) -> Serving:
        """Also for tasks that share what a version has made. No run fails for want of that."""
        serving = Serving()
        try:
            ready = {state.version for state in self.control.index() if (state.name, state.state) == (model, "READY")}
            config = hashlib.sha256(self.control.config(model).encode()).hexdigest()
            serving = Serving(max(ready, key=int, default=""), config)  # Triton asks the highest that serves
            self.served.note(model, " ".join(sorted(ready)))
        except OrchestratorError as error:
            log.warning("model.unnoted", model=model, error=str(error))
        self._seen[model] = self.clock.monotonic_s(), serving
        return serving

    def _trusted(self, model: str) -> Serving | None:
        seen_s, serving = self._seen.get(model, (float("-inf"), Serving()))
        return serving if self.clock.monotonic_s() - seen_s < self.trust_s else None
