"""What a release has held must come back once it is unloaded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, auto

from orchestrator.domain.model import Instance


class Outcome(StrEnum):
    """Of an unload: its memory is back, may still come, or has leaked; or nobody can tell."""

    BACK = auto()
    WAITING = auto()
    LEAKED = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class Freeing:
    """``held_bytes`` is what the gauge itself said that it held, 0 where it can't tell releases apart.

    Then the gauge as a whole must fall by half of what the release took, as others grow meanwhile.
    """

    release: str
    before_bytes: int
    size_bytes: int
    held_bytes: int
    until_ms: int

    def outcome(self, now: Instance, models: Mapping[str, int], *, freed_bytes: int, at_ms: int) -> Outcome:
        """``models`` is what each holds now; ``freed_bytes`` went with the unload itself, before others could grow."""
        if self._is_back(now, models, freed_bytes=freed_bytes):
            return Outcome.BACK
        if not self.held_bytes and any(each.pins for each in now.residents):
            return Outcome.UNKNOWN  # what runs grows meanwhile
        return Outcome.LEAKED if at_ms >= self.until_ms else Outcome.WAITING

    def _is_back(self, now: Instance, models: Mapping[str, int], *, freed_bytes: int) -> bool:
        if self.held_bytes:
            return self.release not in models
        return max(freed_bytes, self.before_bytes - now.used_bytes) >= self.size_bytes // 2


@dataclass(slots=True)
class FreedMemory:
    """What an owner still waits for after its last unload, for ``within_ms`` at most."""

    within_ms: int
    _freeing: Freeing | None = field(default=None, init=False)

    @property
    def is_awaited(self) -> bool:
        return self._freeing is not None

    def forget(self) -> None:
        self._freeing = None

    def expect(self, release: str, *, before_bytes: int, size_bytes: int, held_bytes: int, at_ms: int) -> None:
        """``release`` is unloaded now. Of one that was never measured nothing is expected."""
        until_ms = at_ms + self.within_ms
        self._freeing = Freeing(release, before_bytes, size_bytes, held_bytes, until_ms) if size_bytes else None

    def find_leak(self, now: Instance, models: Mapping[str, int], *, freed_bytes: int, at_ms: int) -> Freeing | None:
        """What has not come back in time: told once. As `Freeing.outcome` otherwise."""
        freeing = self._freeing
        if freeing is None:
            return None
        outcome = freeing.outcome(now, models, freed_bytes=freed_bytes, at_ms=at_ms)
        if outcome is not Outcome.WAITING:
            self.forget()
        return freeing if outcome is Outcome.LEAKED else None
