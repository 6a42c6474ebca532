"""`ModelControl`, `MemoryGauge` and `Warden` of a server that only counts memory: no test needs a GPU to fill one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.domain.errors import Category, Refused, Unavailable
from orchestrator.domain.model import Release
from orchestrator.ports.inference import ModelState
from orchestrator.ports.warden import Memory

BASE, STARTS_IN_S = 5, 3
AWAY = Unavailable("away", service="triton", category=Category.NETWORK)
OOM = Unavailable("no memory", service="triton", category=Category.GPU_MEMORY)


@dataclass
class CountingServer:
    """``real`` is what each model really takes, ``limit`` what there is.

    It ``tells`` what each model holds, or the sum alone. What was unloaded may be ``lingering`` for a while.
    """

    address: str
    real: Mapping[str, int]
    limit: int | None = None
    tells: bool = False
    lingering: set[str] = field(default_factory=set)
    loaded: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    leaked: int = 0
    leaks_next: bool = False
    live_from_s: float = 0.0
    now_s: Callable[[], float] = lambda: 0.0
    before_unload: Callable[[str], None] = lambda _release: None
    after_load: Callable[[str], None] = lambda _release: None
    restarts: list[str] = field(default_factory=list)
    moves: list[str] = field(default_factory=list)
    tried_s: list[float] = field(default_factory=list)
    looks: int = 0

    @property
    def used(self) -> int:
        return BASE + self.leaked + sum(self.real[release] for release in self.loaded | self.lingering)

    def die(self) -> None:
        self.loaded.clear()
        self.leaked = 0
        self.live_from_s = self.now_s() + STARTS_IN_S

    def is_live(self) -> bool:
        return self.now_s() >= self.live_from_s

    def is_ready(self, model: str) -> bool:
        return self.is_live() and model in self.loaded

    def load(self, model: str) -> None:
        self._answer()
        self.tried_s.append(self.now_s())
        if model not in self.real:
            raise Refused("no such model", service="triton", category=Category.INTERNAL)
        if model in self.broken or (self.limit is not None and self.used + self.real[model] > self.limit):
            raise OOM
        self.loaded.add(model)
        self.moves.append(f"+{model}")
        self.after_load(model)

    def unload(self, model: str) -> None:
        self._answer()
        self.before_unload(model)
        self.loaded.discard(model)
        self.moves.append(f"-{model}")
        if self.leaks_next:
            self.leaks_next, self.leaked = False, self.leaked + self.real[model]

    def config(self, model: str) -> str:
        raise NotImplementedError

    def index(self) -> tuple[ModelState, ...]:
        self._answer()
        self.looks += 1
        return tuple(
            ModelState(name, "1", "READY" if name in self.loaded else "UNAVAILABLE", "")
            for name in self.real
            if not Release.parse(name).version or name in self.loaded
        )

    def read(self) -> Memory:
        self._answer()
        held = {release: self.real[release] for release in self.loaded | self.lingering}
        return Memory(self.used, 1 << 40, self.used, models=held if self.tells else {})

    def restart(self, reason: str) -> None:
        self.restarts.append(reason)
        self.die()

    def fetch(self, release: str, *, manifest: Mapping[str, Any], urls: Mapping[str, str]) -> None:
        raise NotImplementedError

    def check(self, release: str) -> Mapping[str, Any]:
        raise NotImplementedError

    def releases(self) -> Mapping[str, str]:
        return {}

    def remove(self, release: str) -> None:
        raise NotImplementedError

    def _answer(self) -> None:
        if not self.is_live():
            raise AWAY
