"""What the owner of an instance does next, as rules without I/O: what it loads, what it evicts for that, and when it
restarts the server instead (ADR 0045).

`next_move` answers for one moment; who asks again after each move comes to an end.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.domain.footprints import LEAVING, LOADED, Footprints
from orchestrator.domain.model import Instance, ResidentState

COMING = LOADED | {ResidentState.LOADING}
UNLOADED = ResidentState.UNLOADED
SILENT_MS = 30_000


@dataclass(frozen=True, slots=True)
class Rules:
    """What an operator has set. Nothing is evicted while something was loaded within ``min_residency_ms``."""

    min_residency_ms: int
    leaks: int
    host_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """An instance at one moment, while nothing is being loaded or unloaded there.

    ``wanted`` are releases by the time since which somebody waits for one, and none that failed just now; ``sizes``
    what a release was seen to take; ``crowded_by`` one for whose run memory did not suffice just now. Memory is
    ``is_settling`` while it may still fall after an unload.
    """

    at_ms: int
    instance: Instance
    others: tuple[Instance, ...] = ()
    wanted: Mapping[str, int] = field(default_factory=dict)
    preload: frozenset[str] = frozenset()
    dismissed: frozenset[str] = frozenset()
    sizes: Mapping[str, int] = field(default_factory=dict)
    crowded_by: str = ""
    host_bytes: int = 0
    is_settling: bool = False
    can_restart: bool = False


@dataclass(frozen=True, slots=True)
class Load:
    """There is room for it."""

    release: str


@dataclass(frozen=True, slots=True)
class Close:
    """No new runs with these; ``for_release`` takes their place, if it is for one."""

    releases: tuple[str, ...]
    for_release: str = ""


@dataclass(frozen=True, slots=True)
class Unload:
    """Nobody uses it any more."""

    release: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """It can never fit."""

    release: str


@dataclass(frozen=True, slots=True)
class Drop:
    """It was there and is lost, and others have its place now."""

    release: str


@dataclass(frozen=True, slots=True)
class Restart:
    """Its memory does not come back."""

    reason: str


Move = Load | Close | Unload | Refuse | Drop | Restart


def next_move(scene: Scene, rules: Rules) -> Move | None:
    """None: there is nothing to do but wait."""
    memory = Footprints(scene.instance, scene.sizes)
    restart = _restart(scene, rules)
    if restart or scene.is_settling:
        return restart
    return (
        _unload(scene)
        or _dismiss(scene)
        or _shrink(memory)
        or _relieve(scene, rules)
        or _recover(scene, memory)
        or _serve(scene, rules)
        or _preload(scene, memory)
    )


def _restart(scene: Scene, rules: Rules) -> Restart | None:
    if not scene.can_restart:
        return None
    if scene.instance.leaks >= rules.leaks:
        return Restart(f"memory did not come back {scene.instance.leaks} times")
    if rules.host_bytes is not None and scene.host_bytes > rules.host_bytes:
        return Restart("it holds too much of the host's memory")
    return None


def _unload(scene: Scene) -> Unload | None:
    over = (each for each in scene.instance.residents if each.state in LEAVING and not each.pins)
    return next((Unload(each.release) for each in over), None)


def _dismiss(scene: Scene) -> Close | None:
    ready = [each.release for each in scene.instance.residents if each.state is ResidentState.READY]
    going = tuple(release for release in ready if release in scene.dismissed and release not in scene.wanted)
    return Close(going) if going else None


def _shrink(memory: Footprints) -> Close | None:
    """Models grow while they run. What is over the budget goes at once, if nobody uses it."""
    lack = memory.lacks(0) - memory.leaving()
    found = [each.release for each in memory.victims(lack) if not each.pins]
    if memory.is_last(found):
        found.pop()  # alone, it is in nobody's way
    return Close(tuple(found)) if found else None


def _relieve(scene: Scene, rules: Rules) -> Close | None:
    """Memory did not suffice for a run, whatever the figures say: who is idle makes room for its next try.

    Once a period: nothing may have come or gone in the last one.
    """
    if not scene.crowded_by or not _has_served(scene, rules, states=frozenset(ResidentState)):
        return None
    spare = Footprints(scene.instance, scene.sizes).idle()
    found = [each.release for each in spare if each.release not in {scene.crowded_by, *scene.wanted}]
    return Close(tuple(found[:1]), scene.crowded_by) if found else None


def _recover(scene: Scene, memory: Footprints) -> Load | Drop | None:
    """Who served before comes before who waits, and evicts nobody: until then nothing at all is asked here."""
    lost = (each.release for each in scene.instance.residents if each.state is ResidentState.LOADING)
    return next((Drop(name) if memory.lacks(memory.need(name)) else Load(name) for name in lost), None)


def _serve(scene: Scene, rules: Rules) -> Move | None:
    """Whoever waits longest first. Who waits less may only take what that one leaves."""
    memory, reserved = Footprints(scene.instance, scene.sizes), 0
    mine = (release for release in scene.wanted if _is_mine(scene, release))
    for release in sorted(mine, key=lambda name: (scene.wanted[name], name)):
        need = memory.need(release)
        lack = memory.lacks(need + reserved)
        move = _evict(scene, rules, release=release, lack=lack) if lack else Load(release)
        if move:
            return move
        reserved += need - min(lack, memory.leaving() + memory.evictable())
    return None


def _evict(scene: Scene, rules: Rules, *, release: str, lack: int) -> Move | None:
    """One swap in a residency period: not before the youngest has served its time."""
    memory = Footprints(scene.instance, scene.sizes)
    if memory.leaving():
        return None
    victims = memory.victims(lack)
    if memory.can_never_hold(release):
        return Refuse(release)
    if not victims:  # what is in the way is no model
        is_leaked = scene.instance.leaks and scene.can_restart
        return Restart("memory that did not come back is in the way") if is_leaked else Load(release)
    is_due = _has_served(scene, rules, states=frozenset({ResidentState.READY, ResidentState.FAILED}))
    return Close(tuple(each.release for each in victims), release) if is_due else None


def _has_served(scene: Scene, rules: Rules, *, states: frozenset[ResidentState]) -> bool:
    """Whether whoever came last to one of these states has been in it for a period."""
    times_ms = (each.since_ms for each in scene.instance.residents if each.state in states)
    return scene.at_ms - max(times_ms, default=0) >= rules.min_residency_ms


def _preload(scene: Scene, memory: Footprints) -> Load | None:
    if scene.wanted:
        return None
    away = (each for each in scene.instance.residents if each.state is UNLOADED and each.release in scene.preload)
    fitting = (each for each in away if not memory.lacks(memory.need(each.release)))
    first = min(fitting, key=lambda each: (not each.is_kept, each.release), default=None)
    return Load(first.release) if first else None


def _is_mine(scene: Scene, release: str) -> bool:
    """Whether this instance is the one to load it: the one with the most room, or else one by lot, always the same."""
    others = (each for each in scene.others if scene.at_ms - each.seen_ms < SILENT_MS)
    asked = [each for each in (scene.instance, *others) if each.is_well] or [scene.instance]
    states = {each.address: _state(each, release) for each in asked}
    if any(state in COMING for state in states.values()):
        return False
    able = [each for each in asked if states[each.address] is not ResidentState.FAILED] or [scene.instance]
    need = Footprints(scene.instance, scene.sizes).need(release)
    fitting = [each for each in able if _free(each) >= need]
    best = max(fitting or able, key=lambda each: _rank(each, release, is_fitting=bool(fitting)))
    return best.address == scene.instance.address


def _rank(instance: Instance, release: str, *, is_fitting: bool) -> tuple[float, int, str]:
    lot = zlib.crc32(f"{release} {instance.address}".encode())
    loaded = sum(each.state in COMING for each in instance.residents)
    return (_free(instance), -loaded, instance.address) if is_fitting else (lot, 0, instance.address)


def _free(instance: Instance) -> float:
    return float("inf") if instance.budget_bytes is None else instance.budget_bytes - instance.used_bytes


def _state(instance: Instance, release: str) -> ResidentState | None:
    return next((each.state for each in instance.residents if each.release == release), None)
