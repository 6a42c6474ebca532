"""Who holds how much of an instance's memory, as far as it was ever measured."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from orchestrator.domain.model import Instance, Resident, ResidentState

RESIDENT = "resident"  # under this word a release's footprint is learned
LEAVING = frozenset({ResidentState.CLOSING, ResidentState.UNLOADING})
LOADED = LEAVING | {ResidentState.READY}


@dataclass(frozen=True, slots=True)
class Footprints:
    """``sizes`` is what each release was seen to take. All in bytes."""

    instance: Instance
    sizes: Mapping[str, int]

    def used(self) -> int:
        return max(self.instance.used_bytes, self._known())

    def need(self, release: str) -> int:
        """What was never loaded takes as much as the largest that was, or that is there."""
        guesses = [*self.sizes.values(), *map(self.held, self._there())]
        return self.sizes.get(release) or max(guesses, default=0)

    def held(self, resident: Resident) -> int:
        """What was never measured holds its share of what nothing else accounts for."""
        size = self.sizes.get(resident.release)
        unknown = [each for each in self._there() if not self.sizes.get(each.release)]
        return size or max(0, self.instance.used_bytes - self._known()) // max(1, len(unknown))

    def lacks(self, more: int) -> int:
        """How much must be freed before ``more`` fits."""
        budget = self.instance.budget_bytes
        return 0 if budget is None else max(0, self.used() + more - budget)

    def leaving(self) -> int:
        """At least one for each that goes, so that who asks whether any does is told."""
        return sum(max(1, self.held(each)) for each in self.instance.residents if each.state in LEAVING)

    def can_never_hold(self, release: str) -> bool:
        """Whether what is kept leaves too little room for it. What models have grown beyond ``sizes`` nobody knows."""
        kept = sum(self.held(each) for each in self._there() if each.is_kept)
        budget = self.instance.budget_bytes
        return budget is not None and kept + self.sizes.get(release, 0) > budget

    def evictable(self) -> int:
        return sum(map(self.held, self._evictable()))

    def is_last(self, releases: Collection[str]) -> bool:
        """Whether nothing else is there, and the last of these would fit alone."""
        fits = [self.sizes.get(release, 0) <= (self.instance.budget_bytes or 0) for release in releases]
        return len(fits) == len(self._there()) and fits[-1:] == [True]

    def victims(self, need: int) -> tuple[Resident, ...]:
        """Whom to evict so that so much is free: who is unpinned first, then who was used longest ago.

        All that may go, when that is not enough.
        """
        freed, found = 0, []
        for resident in sorted(self._evictable(), key=lambda each: (each.pins > 0, each.used_ms, each.release)):
            if freed >= need:
                break
            found.append(resident)
            freed += self.held(resident)
        return tuple(found)

    def idle(self) -> tuple[Resident, ...]:
        """Whom nobody would miss now, who was used longest ago first."""
        unpinned = (each for each in self._evictable() if not each.pins)
        return tuple(sorted(unpinned, key=lambda each: (each.used_ms, each.release)))

    def _evictable(self) -> list[Resident]:
        return [each for each in self._there() if each.state is ResidentState.READY and not each.is_kept]

    def _known(self) -> int:
        return sum(self.sizes.get(each.release, 0) for each in self._there())

    def _there(self) -> list[Resident]:
        return [each for each in self.instance.residents if each.state in LOADED]
