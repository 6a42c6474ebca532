"""Ensure: what a run is about to ask is served. Who owns an inference server loads; a run asks, and comes again."""

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from orchestrator.domain.errors import Category, OrchestratorError, Unavailable
from orchestrator.domain.model import GPU_OOM, Instance, ModelNotFound, Release, Resident, ResidentState
from orchestrator.domain.task import Run
from orchestrator.ports.clock import Clock
from orchestrator.ports.inference import InferenceServer, ModelControl, ModelState, ServedModels, Serving

log = structlog.get_logger()

Asked = tuple[str, str]  # an instance, empty for the first, and what it is asked for there
Seen = tuple[float, Serving]
AWAY = "the model is not served at the moment"


class Owners(Protocol):
    """Who loads and unloads, and hears what is missing (`ports.residency.Residency`)."""

    def instances(self) -> tuple[Instance, ...]: ...

    def want(self, release: str) -> None: ...

    def crowd(self, instance: str, release: str) -> None: ...


@dataclass(frozen=True, slots=True)
class EnsureModel:
    """Asks each Triton at most once in ``trust_s`` for each release.

    A run that is not placed asks the first ``server`` for the model by its plain name, and loads it there if no server
    has an owner.
    """

    server: Callable[[str], InferenceServer]
    owners: Owners
    served: ServedModels
    clock: Clock
    trust_s: float = 5.0
    _seen: dict[Asked, Seen] = field(default_factory=dict)
    _locks: dict[Asked, threading.Lock] = field(default_factory=dict)

    def ensure(self, run: Run) -> Serving:
        """Return when the run's model can be asked, and say what will answer.

        Raises:
            Unavailable: it is not there; its owner has heard of it.
            ModelNotFound: there is no owner, and no such model.
            Refused: as `ModelControl.load`.
        """
        asked = asked_by(run)
        known = self._trusted(asked)
        if known is not None:
            return known
        with self._locks.setdefault(asked, threading.Lock()):
            known = self._trusted(asked)
            if known is not None:
                return known
            states = self._control(asked).index()  # a server that is away says so itself, and its breaker hears of it
            if not _ready(asked[1], states):
                self._obtain(run, asked, states=states)
                states = self._control(asked).index()
            return self._note(asked, states)

    def serving(self, run: Run) -> Serving | None:
        """What answers the run now, None when nothing does or nobody can say. Nothing is loaded."""
        asked = asked_by(run)
        known = self._trusted(asked)
        if known is None:
            try:
                states = self._control(asked).index()
            except OrchestratorError as error:
                log.warning("model.unseen", model=asked[1], error=str(error))
                return None
            known = self._note(asked, states) if _ready(asked[1], states) else None
        return known if known and known.version else None

    def doubt(self, run: Run) -> None:
        """The run found its model away: look again before the next one, and let the owner know."""
        self._seen.pop(asked_by(run), None)
        if run.placement is None:
            return
        try:
            self.owners.want(run.placement.release)
        except OrchestratorError as error:
            log.warning("model.unwanted", release=run.placement.release, error=str(error))

    def crowd(self, run: Run) -> None:
        """Memory did not suffice for what the run asked: its owner makes room for the next try."""
        if run.placement is None:
            return
        try:
            self.owners.crowd(run.placement.instance, run.placement.release)
        except OrchestratorError as error:
            log.warning("memory.untold", release=run.placement.release, error=str(error))

    def _obtain(self, run: Run, asked: Asked, *, states: Sequence[ModelState]) -> None:
        """Without an owner, load it; otherwise ask for it, and say what the owner says of it."""
        name, failed = asked[1], None
        if run.placement is None:
            instances = self.owners.instances()
            if not instances:
                return _load(name, self._control(asked), states=states)
            failed = _find_failed(name, instances)
        self.owners.want(name)
        raise _why_away(failed)

    def _note(self, asked: Asked, states: Sequence[ModelState]) -> Serving:
        """Also for tasks that share what a version has made. No run fails for want of that."""
        instance, name = asked
        ready, serving = _ready(name, states), Serving(release=name)
        try:
            config = hashlib.sha256(self._control(asked).config(name).encode()).hexdigest()
            serving = Serving(max(ready, key=int, default=""), config, name)  # Triton asks the highest that serves
            if not instance:  # who is placed is so by an owner, and that one says what serves
                self.served.note(name, " ".join(sorted(ready)))
        except OrchestratorError as error:
            log.warning("model.unnoted", model=name, error=str(error))
        self._seen[asked] = self.clock.monotonic_s(), serving
        return serving

    def _trusted(self, asked: Asked) -> Serving | None:
        seen_s, serving = self._seen.get(asked, (float("-inf"), Serving()))
        return serving if self.clock.monotonic_s() - seen_s < self.trust_s else None

    def _control(self, asked: Asked) -> ModelControl:
        return self.server(asked[0]).control


def asked_by(run: Run) -> Asked:
    """Where the run's requests go, and by which name."""
    placement = run.placement
    return (placement.instance, placement.release) if placement else ("", run.task.model)


def _ready(name: str, states: Sequence[ModelState]) -> set[str]:
    """The versions of it that can be asked."""
    return {each.version for each in states if (each.name, each.state) == (name, "READY")}


def _load(name: str, control: ModelControl, *, states: Sequence[ModelState]) -> None:
    """As nobody else does it. What a task may name, it may misspell: that is not tried again."""
    if name not in {state.name for state in states}:
        raise ModelNotFound(f"this node has no model {name!r}")
    log.info("model.loading", model=name)
    control.load(name)


def _find_failed(model: str, instances: tuple[Instance, ...]) -> Resident | None:
    residents = (each for instance in instances for each in instance.residents if _is_of(model, each))
    return next((each for each in residents if each.state is ResidentState.FAILED), None)


def _why_away(failed: Resident | None) -> Unavailable:
    """Want of memory has a back-off of its own."""
    category, code = Category.MODEL_UNAVAILABLE, Unavailable.code
    if failed and failed.code == GPU_OOM:
        category, code = Category.GPU_MEMORY, GPU_OOM
    message = f"the model does not load: {failed.error}" if failed else AWAY
    return Unavailable(message, service="triton", category=category, code=code)


def _is_of(model: str, resident: Resident) -> bool:
    return Release.parse(resident.release).model == model
