"""Find: whether there is a model at all, so that a task which asks another is refused at once."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from orchestrator.domain.errors import OrchestratorError
from orchestrator.domain.model import Instance, ModelNotFound, Release
from orchestrator.ports.clock import Clock
from orchestrator.ports.releases import Releases

log = structlog.get_logger()

Seen = tuple[float, frozenset[str]]


@dataclass(frozen=True, slots=True)
class FindModels:
    """``instances`` (`Residency.instances`) is asked at most once in ``known_for_s``; ``routes`` says what serves.

    With ``releases``, one that was pushed and that no server has fetched yet is there as well.
    """

    instances: Callable[[], tuple[Instance, ...]]
    clock: Clock
    releases: Releases | None = None
    routes: Callable[[str], Mapping[str, int]] = lambda _model: {}
    known_for_s: float = 2.0
    _seen: list[Seen] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def knows(self, name: str) -> bool | None:
        """Whether there is the model or release ``name``, loaded or not; None when nobody can say."""
        known = self._known()
        if not known:
            return None
        release = Release.parse(name)
        return name in known or (self._is_pushed(release) if release.version else self._is_routed(name))

    def _is_routed(self, model: str) -> bool | None:
        """Whether a release serves it, or is about to. One that was pushed and refused serves nobody."""
        try:
            return bool(self.routes(model))
        except OrchestratorError as error:
            log.warning("models.unknown", error=str(error))
            return None

    def _is_pushed(self, release: Release) -> bool | None:
        if self.releases is None:
            return False
        try:
            self.releases.find(release)
        except ModelNotFound:
            return False
        except OrchestratorError as error:
            log.warning("models.unknown", error=str(error))
            return None
        return True

    def _known(self) -> frozenset[str]:
        with self._lock:
            now_s = self.clock.monotonic_s()
            if not self._seen or now_s - self._seen[0][0] > self.known_for_s:
                self._seen[:] = [(now_s, self._look())]
            return self._seen[0][1]

    def _look(self) -> frozenset[str]:
        try:
            instances = self.instances()
        except OrchestratorError as error:  # who submits has more to fear from that
            log.warning("models.unknown", error=str(error))
            return frozenset()
        return frozenset(resident.release for instance in instances for resident in instance.residents)
