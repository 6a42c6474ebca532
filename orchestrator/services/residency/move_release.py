"""Move a release into the memory of one instance, or out of it, and measure what that takes."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from orchestrator.domain.errors import Category, OrchestratorError
from orchestrator.domain.footprints import RESIDENT
from orchestrator.domain.model import GPU_OOM, Release, Resident, ResidentState
from orchestrator.ports.clock import Clock
from orchestrator.ports.inference import ModelControl
from orchestrator.ports.residency import Residency
from orchestrator.ports.warden import Memory, MemoryGauge

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class MoveRelease:
    """Only the owner of ``instance`` calls it, one move at a time.

    ``bring`` fetches the files of a pushed release, ``warm_up`` asks it its own samples once it is loaded.
    """

    instance: str
    control: ModelControl
    gauge: MemoryGauge
    residency: Residency
    clock: Clock
    bring: Callable[[Release], None]
    warm_up: Callable[[Release], None]

    def load(self, resident: Resident, *, spare: tuple[Resident, ...], at_ms: int) -> bool:
        """Whether it serves now. When memory does not suffice, the first of ``spare`` makes room, once."""
        began_s = self.clock.monotonic_s()
        log.info("model.loading", release=resident.release, instance=self.instance)
        before = self._measure()
        try:
            self._load(resident.release, spare)
        except OrchestratorError as error:
            code = GPU_OOM if error.category is Category.GPU_MEMORY else error.code
            log.warning("model.failed", release=resident.release, instance=self.instance, code=code, error=str(error))
            failed = replace(resident, state=ResidentState.FAILED, error=str(error), code=code)
            self.residency.note(self.instance, replace(failed, since_ms=self._after_ms(at_ms, began_s)))
            return False
        took = self._learn(resident.release, _took(resident.release, less=before, more=self._measure()))
        done_ms = self._after_ms(at_ms, began_s)
        ready = Resident(resident.release, ResidentState.READY, self._version(resident.release), done_ms, done_ms, took)
        self.residency.note(self.instance, replace(ready, is_kept=resident.is_kept))
        log.info("model.ready", release=resident.release, instance=self.instance, bytes=took)
        return True

    def unload(self, resident: Resident, *, at_ms: int) -> int:
        """Return when its memory may be free, and how much was so at once.

        Raises:
            Unavailable: as `ModelControl.unload`.
        """
        log.info("model.unloading", release=resident.release, instance=self.instance)
        self.residency.note(self.instance, replace(resident, state=ResidentState.UNLOADING, since_ms=at_ms))
        before = self._measure()
        self.control.unload(resident.release)
        after = self._measure()
        self._learn(resident.release, _took(resident.release, less=after, more=before))
        away = Resident(resident.release, ResidentState.UNLOADED, since_ms=at_ms, is_kept=resident.is_kept)
        self.residency.note(self.instance, away)
        return max(0, before.used_bytes - after.used_bytes) if before and after else 0

    def _load(self, name: str, spare: tuple[Resident, ...]) -> None:
        release = Release.parse(name)
        if release.version:
            self.bring(release)
        try:
            self._load_warm(release)
        except OrchestratorError as error:
            if error.category is not Category.GPU_MEMORY or not self._make_room(spare):
                raise
            self._load_warm(release)

    def _load_warm(self, release: Release) -> None:
        """What its samples take is part of its footprint. Whether it answers them well is for a swap to judge."""
        self.control.load(release.name)
        if not release.version:
            return
        try:
            self.warm_up(release)
        except OrchestratorError as error:
            log.warning("model.cold", release=release.name, instance=self.instance, error=str(error))
            if error.category is Category.GPU_MEMORY:
                self.control.unload(release.name)
                raise

    def _make_room(self, spare: tuple[Resident, ...]) -> bool:
        for resident in spare[:1]:
            if self.residency.close(self.instance, resident.release):
                self.residency.note(self.instance, resident)  # a run has begun with it meanwhile
                return False
            self.unload(resident, at_ms=resident.since_ms)
            return True
        return False

    def _learn(self, release: str, took: int) -> int:
        if took > 0:
            self.residency.learn(release, RESIDENT, size_bytes=took)
        return max(0, took)

    def _measure(self) -> Memory | None:
        try:
            return self.gauge.read()
        except OrchestratorError as error:
            log.debug("memory.unknown", instance=self.instance, error=str(error))
            return None

    def _version(self, release: str) -> str:
        ready = {state.version for state in self.control.index() if (state.name, state.state) == (release, "READY")}
        return max(ready, key=int, default="")

    def _after_ms(self, began_ms: int, began_s: float) -> int:
        return began_ms + int(1000 * (self.clock.monotonic_s() - began_s))


def _took(release: str, *, less: Memory | None, more: Memory | None) -> int:
    """How much of the gauge is the release's: as that says itself, else by how much more was used with it than without.

    Others may have grown or shrunk between the two readings.
    """
    if more and release in more.models:
        return more.models[release]
    return more.used_bytes - less.used_bytes if less and more else 0
