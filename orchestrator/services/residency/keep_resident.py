"""Keep resident: the one owner of an inference server sees to it that what is wanted is loaded, and fits (ADR 0045)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import structlog

from orchestrator.domain.freeing import FreedMemory
from orchestrator.domain.model import Instance, Resident, ResidentState
from orchestrator.domain.residency import Load, Move, Rules, Scene, Unload, next_move
from orchestrator.domain.residents import (
    READY,
    BackOffs,
    Seen,
    is_gone,
    is_handed_over,
    is_quiet,
    is_settled,
    releases_of,
)
from orchestrator.ports.residency import Residency, Survey
from orchestrator.ports.warden import Memory
from orchestrator.telemetry import ResidentMetrics

log = structlog.get_logger()

LOOK_MS = 5_000  # at what nobody has asked to change
GONE_MS = 15_000  # what no owner has looked at for so long, and none will


class Observer(Protocol):
    """`ObserveInstance` of this instance."""

    def is_live(self) -> bool: ...

    def look(self, known: Instance, *, at_ms: int) -> tuple[Instance, Mapping[str, Seen], Memory]: ...


class Moves(Protocol):
    """`MakeMoves` of this instance."""

    back_offs: BackOffs
    freed_bytes: int

    def is_busy(self) -> bool: ...

    def make(self, move: Move, scene: Scene) -> None: ...

    def revive(self, dead: Resident, scene: Scene) -> None: ...


class Restarts(Protocol):
    """`RestartInstance` of this instance."""

    reason: str

    def is_able(self) -> bool: ...

    def go_on(self, instance: Instance, *, is_live: bool) -> bool: ...

    def conclude(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Wishes:
    """What an operator has set. ``preload`` empty is all that fits; ``addresses`` are all that have owners."""

    rules: Rules
    preload: tuple[str, ...] = ()
    freed_within_ms: int = 20_000
    addresses: tuple[str, ...] = ()


@dataclass(slots=True)
class KeepResident:
    """A duty, of one keeper at a time. What it knows lies in the store and in the server: another can go on from there.

    An instance that serves and of which nobody wants anything is looked at every few seconds.
    """

    address: str
    observer: Observer
    moves: Moves
    restarts: Restarts
    residency: Residency
    wishes: Wishes
    metrics: ResidentMetrics
    _freed: FreedMemory = field(init=False)
    _preload: set[str] | None = field(default=None, init=False)
    _is_recovering: bool = field(default=True, init=False)
    _looked_ms: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._freed = FreedMemory(self.wishes.freed_within_ms)

    def tick(self) -> None:
        survey = self.residency.survey()
        mine = next((each for each in survey.instances if each.address == self.address), None)
        if mine and self.moves.is_busy():
            return self._tell(mine, mine, at_ms=survey.now_ms)
        is_live = self.observer.is_live()
        if mine is None:  # of one that nobody has ever seen nothing is known, and nothing held back
            return self._begin(survey) if is_live else None
        if self.restarts.reason:
            self._restart(mine, survey.now_ms, is_live=is_live)
        elif not is_live:
            self._is_recovering = True
            self._tell(mine, replace(mine, is_well=False, reason="the server is away"), at_ms=survey.now_ms)
        elif not self._is_idle(mine, survey):
            self._look(mine, survey)
        return None

    def _begin(self, survey: Survey) -> None:
        mine = Instance(self.address, is_well=False, reason="starting")
        self.residency.note_instance(mine)
        self._look(mine, survey)

    def _is_idle(self, mine: Instance, survey: Survey) -> bool:
        """And has been looked at lately. What is used is noted on the way."""
        for resident in mine.residents:
            if resident.pins and survey.now_ms - resident.used_ms >= LOOK_MS:
                self.residency.note(mine.address, replace(resident, used_ms=survey.now_ms))
        is_asked = survey.wanted or survey.dismissed or mine.crowded_by or self._preload is None or self._preload
        is_busy = is_asked or self._is_recovering or self._freed.is_awaited or not is_quiet(mine)
        return not is_busy and survey.now_ms - self._looked_ms < LOOK_MS

    def _restart(self, mine: Instance, at_ms: int, *, is_live: bool) -> None:
        self._is_recovering = True
        self._freed.forget()
        now = replace(mine, is_well=False, reason=f"restarting: {self.restarts.reason}")
        self._tell(mine, now, at_ms=at_ms)
        if self.restarts.go_on(mine, is_live=is_live):
            self.metrics.restarts.labels(mine.address).inc()
            self.residency.note_instance(replace(now, leaks=0, restarts=now.restarts + 1))

    def _look(self, mine: Instance, survey: Survey) -> None:
        self._looked_ms = survey.now_ms
        now, seen, memory = self.observer.look(mine, at_ms=survey.now_ms)
        lost = any(each.state is ResidentState.LOADING for each in now.residents)
        self._is_recovering = self._is_recovering and lost
        if not self._is_recovering:
            self.restarts.conclude()
        reason = "loading what it served" if self._is_recovering else ""
        now = replace(now, is_well=not reason, reason=reason, crowded_by="")
        now = self._verified(now, memory, at_ms=survey.now_ms)
        self._tell(mine, now, at_ms=survey.now_ms)
        scene = replace(self._scene(now, survey, seen=seen, memory=memory), crowded_by=mine.crowded_by)
        dead = (each for each in now.residents if each.state is ResidentState.FAILED)
        revived = next((each for each in dead if each.release in seen and seen[each.release].state == READY), None)
        if revived:
            return self.moves.revive(revived, scene)
        return self._move(scene, memory)

    def _move(self, scene: Scene, memory: Memory) -> None:
        move = next_move(scene, self.wishes.rules)
        if isinstance(move, Unload):
            self._freed.expect(
                move.release,
                before_bytes=memory.used_bytes,
                size_bytes=scene.sizes.get(move.release, 0),
                held_bytes=memory.models.get(move.release, 0),
                at_ms=scene.at_ms,
            )
        if isinstance(move, Load) and self._preload:
            self._preload.discard(move.release)
        if move:
            log.info("residency.move", instance=self.address, move=str(move))
            return self.moves.make(move, scene)
        if not scene.wanted and not scene.is_settling:
            self._preload = set()
        return None

    def _scene(self, now: Instance, survey: Survey, *, seen: Mapping[str, Seen], memory: Memory) -> Scene:
        if self._preload is None:
            self._preload = self._wished(seen)
        others = tuple(self._others(survey))
        wanted = self._settle(survey, (now, *others))
        return Scene(
            at_ms=survey.now_ms,
            instance=now,
            others=others,
            wanted=wanted,
            preload=frozenset(self._preload),
            dismissed=survey.dismissed,
            sizes=survey.sizes,
            host_bytes=memory.host_bytes,
            is_settling=self._freed.is_awaited,
            can_restart=self.restarts.is_able(),
        )

    def _others(self, survey: Survey) -> Iterator[Instance]:
        """Those whose owners have been heard of, or will be."""
        for other in survey.instances:
            if other.address != self.address:
                is_owned = other.address in self.wishes.addresses or survey.now_ms - other.seen_ms < GONE_MS
                if is_owned:
                    yield other
                else:
                    log.warning("instance.retired", instance=other.address)
                    self.residency.retire(other.address)

    def _verified(self, now: Instance, memory: Memory, *, at_ms: int) -> Instance:
        """After an unload, what was used must come back."""
        freed_bytes = self.moves.freed_bytes
        leaked = self._freed.find_leak(now, memory.models, freed_bytes=freed_bytes, at_ms=at_ms)
        if leaked is None:
            return now
        log.error("model.leaked", release=leaked.release, instance=now.address, bytes=leaked.size_bytes)
        self.metrics.leaks.labels(now.address).inc()
        return replace(now, leaks=now.leaks + 1)

    def _tell(self, before: Instance, now: Instance, *, at_ms: int) -> None:
        said, told = (
            (each.is_well, each.reason, each.leaks, each.budget_bytes, each.crowded_by) for each in (now, before)
        )
        if said != told:
            log.info("instance.changed", instance=now.address, is_well=now.is_well, reason=now.reason)
        elif at_ms - before.seen_ms < LOOK_MS:
            return
        self.residency.note_instance(now)

    def _settle(self, survey: Survey, instances: tuple[Instance, ...]) -> Mapping[str, int]:
        """The releases that somebody waits for and that may be loaded now, by since when."""
        waiting: dict[str, int] = {}
        for name, since_ms in survey.wanted.items():
            weights = self.residency.routes(name.partition("@")[0])
            if is_handed_over(name, weights):
                continue
            releases = releases_of(name, weights)
            resting = {each: self.moves.back_offs.is_resting(each, at_ms=survey.now_ms) for each in releases}
            if all(is_settled(each, instances, is_resting=resting[each]) for each in releases):
                self.residency.settle(name)
                continue
            for release in releases:
                if not resting[release]:
                    waiting[release] = min(since_ms, waiting.get(release, since_ms))
        for release in survey.dismissed - waiting.keys():
            if is_gone(release, instances):
                self.residency.settle(release)
        return waiting

    def _wished(self, seen: Mapping[str, Seen]) -> set[str]:
        """What to load at start."""
        if self.wishes.preload:
            return {*self.wishes.preload} & seen.keys()
        models = {release.partition("@")[0] for release in seen}
        return {release for model in models for release in releases_of(model, self.residency.routes(model))}
