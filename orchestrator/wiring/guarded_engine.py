"""Inference servers, their engines and their model controls, that ask the breaker of their Triton first."""

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.domain.breaker import TRITON, DependencyOpen, Outcome, name_triton
from orchestrator.pipelines.watched_engine import Waiting, Watch, WatchedEngine
from orchestrator.ports.breakers import Breakers, passing, reporting
from orchestrator.ports.inference import InferenceServer, ModelControl, ModelState


def asking(breakers: Breakers, dependency: str = TRITON) -> Watch:
    """While the server is away nothing is sent. Who waits for an answer says how it went."""

    def watch(_model: str) -> Waiting:
        permit = breakers.allow(dependency)
        return lambda _inference: reporting(breakers, permit)

    return watch


@dataclass(frozen=True, slots=True)
class GuardedControl:
    """Implements `ports.inference.ModelControl` around another."""

    control: ModelControl
    breakers: Breakers
    dependency: str = TRITON

    def is_live(self) -> bool:
        return self.control.is_live()

    def is_ready(self, model: str) -> bool:
        """As ever, but that a "no" is no sign: a model that is not loaded says nothing of the server."""
        try:
            permit = self.breakers.allow(self.dependency)
        except DependencyOpen:
            return False
        is_ready = self.control.is_ready(model)
        self.breakers.report(permit, Outcome.WELL if is_ready else Outcome.UNKNOWN)
        return is_ready

    def load(self, model: str) -> None:
        with passing(self.breakers, self.dependency):
            self.control.load(model)

    def unload(self, model: str) -> None:
        with passing(self.breakers, self.dependency):
            self.control.unload(model)

    def config(self, model: str) -> str:
        with passing(self.breakers, self.dependency):
            return self.control.config(model)

    def index(self) -> tuple[ModelState, ...]:
        with passing(self.breakers, self.dependency):
            return self.control.index()


@dataclass(frozen=True, slots=True)
class GuardedServers:
    """Every instance behind a breaker of its own, so that one which fails does not stop the others."""

    server: Callable[[str], InferenceServer]
    breakers: Breakers

    def __call__(self, instance: str) -> InferenceServer:
        server, dependency = self.server(instance), name_triton(instance)
        return InferenceServer(
            WatchedEngine(server.engine, asking(self.breakers, dependency)),
            GuardedControl(server.control, self.breakers, dependency),
        )
