"""What an owner knows of its instance's residents, held against what the server itself says."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from orchestrator.domain.model import STOCK, Instance, Release, Resident, ResidentState

FIRST_BACK_OFF_MS = 30_000
LONGEST_BACK_OFF_MS = 600_000
READY, UNAVAILABLE = "READY", "UNAVAILABLE"  # Triton's words
UNLOADED = ResidentState.UNLOADED
LEFT = {UNLOADED, ResidentState.CLOSING, ResidentState.UNLOADING}


@dataclass(frozen=True, slots=True)
class Seen:
    """A release as the server's index shows it: its state in Triton's words, and the version that serves."""

    state: str
    version: str = ""


def observe(
    known: Iterable[Resident], seen: Mapping[str, Seen], *, keep: Collection[str] = (), at_ms: int
) -> tuple[Resident, ...]:
    """The residents as they are, while the owner neither loads nor unloads.

    What serves was loaded by somebody, or by the server at its start: it is taken over. What served and is not there
    any more is to be loaded again. What the repository has lost is left out, unless its files may come again. Of
    those that are new, the ones in ``keep`` are kept.
    """
    before = {resident.release: resident for resident in known}
    new = {name: Resident(name, UNLOADED, since_ms=at_ms, is_kept=name in keep) for name in seen}
    rows = (_observed(before.get(name, new[name]), found, at_ms=at_ms) for name, found in seen.items())
    missing = (_missing(resident) for name, resident in before.items() if name not in seen)
    return tuple(sorted((*rows, *filter(None, missing)), key=lambda resident: resident.release))


def _missing(known: Resident) -> Resident | None:
    """The files of a pushed release may be fetched again."""
    if not Release.parse(known.release).version or known.state in LEFT:
        return None
    return known if known.state is ResidentState.FAILED else replace(known, state=ResidentState.LOADING)


def _observed(known: Resident, found: Seen, *, at_ms: int) -> Resident:
    if found.state == READY and known.state in {UNLOADED, ResidentState.LOADING}:
        return replace(known, state=ResidentState.READY, version=found.version, since_ms=at_ms, used_ms=at_ms, error="")
    if found.state == READY and known.state is ResidentState.READY:
        return replace(known, version=found.version)
    if found.state == UNAVAILABLE and known.state is ResidentState.READY:
        return replace(known, state=ResidentState.LOADING)
    if found.state == UNAVAILABLE and known.state in {ResidentState.CLOSING, ResidentState.UNLOADING}:
        return replace(known, state=UNLOADED, bytes=0)
    return known


def is_quiet(instance: Instance) -> bool:
    """Nothing comes or goes."""
    return all(each.state in {ResidentState.READY, UNLOADED, ResidentState.FAILED} for each in instance.residents)


@dataclass(slots=True)
class BackOffs:
    """When what failed to load may be tried again: later each time in a row."""

    _failures: dict[str, tuple[int, int]] = field(default_factory=dict)

    def fail(self, release: str, *, at_ms: int) -> None:
        tries, _ = self._failures.get(release, (0, 0))
        rest_ms = min(LONGEST_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2**tries)
        self._failures[release] = (tries + 1, at_ms + rest_ms)

    def forget(self, release: str) -> None:
        self._failures.pop(release, None)

    def is_resting(self, release: str, *, at_ms: int) -> bool:
        return at_ms < self._failures.get(release, (0, 0))[1]


def releases_of(name: str, weights: Mapping[str, int]) -> tuple[str, ...]:
    """Who must be there when somebody waits for ``name``: the release (`Release.wanted_name`), or all that serve the
    model.
    """
    if "@" in name:
        return (name.removesuffix(f"@{STOCK}"),)
    return tuple(release for release, weight in weights.items() if weight) if weights else (name,)


def is_handed_over(name: str, weights: Mapping[str, int]) -> bool:
    """Whether the model waits for a release that takes the place of this one: who waits for this one has to wait."""
    return "@" in name and {*weights.values()} == {0} and not weights.keys() & releases_of(name, weights)


def is_served(release: str, instances: Iterable[Instance]) -> bool:
    """Whether it may be asked somewhere."""
    return any(
        resident.release == release and resident.state is ResidentState.READY
        for instance in instances
        if instance.is_well
        for resident in instance.residents
    )


def is_settled(release: str, instances: Collection[Instance], *, is_resting: bool) -> bool:
    """Whether nobody need wait for it: it serves, or has just failed (``is_resting``) and nobody else could load it."""
    if is_served(release, instances):
        return True
    known = [each.state for instance in instances for each in instance.residents if each.release == release]
    is_unknown = not known and not Release.parse(release).version
    return is_unknown or (is_resting and all(state is ResidentState.FAILED for state in known))


def is_gone(release: str, instances: Iterable[Instance]) -> bool:
    """Whether no instance has it in memory."""
    away = {UNLOADED, ResidentState.FAILED}
    return all(each.state in away for instance in instances for each in instance.residents if each.release == release)
