"""Make moves: what an owner has decided is done, one thing at a time and on a thread, so that its lease is renewed."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from orchestrator.domain.footprints import Footprints
from orchestrator.domain.model import GPU_OOM, Instance, Resident, ResidentState
from orchestrator.domain.residency import Close, Drop, Load, Move, Refuse, Restart, Scene, Unload
from orchestrator.domain.residents import BackOffs
from orchestrator.ports.residency import Residency
from orchestrator.telemetry import ResidentMetrics

TOO_LARGE = "it needs more memory than this server may use"


class Mover(Protocol):
    """`MoveRelease` of the instance."""

    def load(self, resident: Resident, *, spare: tuple[Resident, ...], at_ms: int) -> bool: ...

    def unload(self, resident: Resident, *, at_ms: int) -> int: ...


@dataclass(slots=True)
class MakeMoves:
    """Of one instance. ``begin_restart`` is told the instance and the reason."""

    mover: Mover
    residency: Residency
    begin_restart: Callable[[str, str], None]
    executor: Executor
    metrics: ResidentMetrics
    back_offs: BackOffs = field(default_factory=BackOffs)
    freed_bytes: int = field(default=0, init=False)
    _moving: Future[None] | None = field(default=None, init=False)

    def is_busy(self) -> bool:
        """Whether something is being loaded or unloaded.

        Raises:
            Unavailable: what was, did not go well.
        """
        if self._moving and not self._moving.done():
            return True
        moved, self._moving = self._moving, None
        if moved:
            moved.result()
        return False

    def make(self, move: Move, scene: Scene) -> None:
        address = scene.instance.address
        match move:
            case Load(release):
                coming, spare = self._coming(scene, release), self._spare(scene, release)
                self._begin(partial(self._load, address, coming, spare=spare, at_ms=scene.at_ms))
            case Unload(release):
                self._begin(partial(self._unload, _resident(scene.instance, release), at_ms=scene.at_ms))
            case Close(releases, for_release):
                for release in releases:
                    self.residency.close(address, release)
                self.metrics.evictions.labels(address).inc(len(releases) if for_release else 0)
            case Refuse(release):
                self.back_offs.fail(release, at_ms=scene.at_ms)
                refused = replace(self._coming(scene, release), state=ResidentState.FAILED, error=TOO_LARGE)
                self.residency.note(address, replace(refused, code=GPU_OOM))
            case Drop(release):
                self.residency.note(address, Resident(release, ResidentState.UNLOADED, since_ms=scene.at_ms))
            case Restart(reason):
                self.begin_restart(address, reason)

    def revive(self, dead: Resident, scene: Scene) -> None:
        """Load it anew: whatever Triton thinks of it, it does not answer."""
        self._begin(partial(self._reload, scene.instance.address, dead, at_ms=scene.at_ms))

    def _begin(self, work: Callable[[], None]) -> None:
        self._moving = self.executor.submit(work)

    def _coming(self, scene: Scene, release: str) -> Resident:
        coming = replace(_resident(scene.instance, release), state=ResidentState.LOADING, since_ms=scene.at_ms)
        self.residency.note(scene.instance.address, coming)
        return coming

    def _spare(self, scene: Scene, release: str) -> tuple[Resident, ...]:
        """Who makes room should the server find that memory does not suffice."""
        memory = Footprints(scene.instance, scene.sizes)
        victims = memory.victims(max(1, memory.need(release)))
        return tuple(each for each in victims if not each.pins and each.release not in scene.wanted)

    def _load(self, address: str, resident: Resident, *, spare: tuple[Resident, ...], at_ms: int) -> None:
        is_loaded = self.mover.load(resident, spare=spare, at_ms=at_ms)
        self.metrics.loads.labels(address, "loaded" if is_loaded else "failed").inc()
        if is_loaded:
            self.back_offs.forget(resident.release)
        else:
            self.back_offs.fail(resident.release, at_ms=at_ms)

    def _unload(self, resident: Resident, *, at_ms: int) -> None:
        self.freed_bytes = 0
        self.freed_bytes = self.mover.unload(resident, at_ms=at_ms)

    def _reload(self, address: str, dead: Resident, *, at_ms: int) -> None:
        self.mover.unload(dead, at_ms=at_ms)
        again = Resident(dead.release, ResidentState.LOADING, is_kept=dead.is_kept)
        self._load(address, again, spare=(), at_ms=at_ms)


def _resident(instance: Instance, release: str) -> Resident:
    there = (each for each in instance.residents if each.release == release)
    return next(there, Resident(release, ResidentState.UNLOADED))
