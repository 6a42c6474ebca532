"""`Breakers` without a store. It passes the same contract tests as the real ones."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from orchestrator.domain.breaker import (
    FAILING,
    FIRST_OPEN_S,
    LEAST_CALLS,
    LONGEST_OPEN_S,
    Breaker,
    BreakerState,
    DependencyOpen,
    Outcome,
    Permit,
    require_none,
)
from orchestrator.ports.clock import Clock

COUNTED_S, PROBE_S, REMEMBERED_S, FORGOTTEN_S = 10.0, 10.0, 120.0, 600.0


@dataclass
class Kept:
    """Of one dependency: when calls were made and whether they failed; and since when it is open, if it is."""

    calls: list[tuple[float, bool]] = field(default_factory=list)
    opened_s: float | None = None
    retry_s: float = 0.0
    openings: int = 0
    closed_s: float = float("-inf")
    reason: str = ""
    probe: tuple[str, float] = ("", 0.0)


@dataclass
class FakeBreakers:
    """Implements `ports.breakers.Breakers`."""

    clock: Clock
    kept: dict[str, Kept] = field(default_factory=dict)
    tokens: Iterator[int] = field(default_factory=count)

    def allow(self, dependency: str) -> Permit:
        kept, now_s = self._of(dependency), self.clock.monotonic_s()
        if kept.opened_s is None:
            return Permit(dependency)
        if now_s >= max(kept.retry_s, kept.probe[1]):
            kept.probe = (f"probe-{next(self.tokens)}", now_s + PROBE_S)
            return Permit(dependency, kept.probe[0])
        raise DependencyOpen(dependency, retry_after_s=max(1.0, kept.retry_s - now_s))

    def report(self, permit: Permit, outcome: Outcome) -> bool:
        kept, now_s = self._of(permit.dependency), self.clock.monotonic_s()
        if permit.token:
            self._hear(kept, token=permit.token, outcome=outcome)
        elif kept.opened_s is None and outcome is not Outcome.UNKNOWN:
            kept.calls = [call for call in kept.calls if now_s - call[0] < COUNTED_S]
            kept.calls.append((now_s, outcome is not Outcome.WELL))
            failures = sum(failed for _, failed in kept.calls)
            is_failing = len(kept.calls) >= LEAST_CALLS and failures >= FAILING * len(kept.calls)
            if outcome is Outcome.DENIED or (is_failing and failures):
                self._open(kept, outcome)
        return kept.opened_s is None

    def look(self, dependency: str) -> Breaker:
        kept, now_s = self._of(dependency), self.clock.monotonic_s()
        if kept.opened_s is None:
            calls = [failed for at_s, failed in kept.calls if now_s - at_s < COUNTED_S]
            return Breaker(dependency, calls=len(calls), failures=sum(calls))
        state = BreakerState.HALF_OPEN if now_s >= kept.retry_s else BreakerState.OPEN
        opened_ms, retry_ms = int(kept.opened_s * 1000), int(kept.retry_s * 1000)
        return Breaker(dependency, state, 0, 0, opened_ms, retry_ms, kept.openings, kept.reason)

    def list(self) -> tuple[Breaker, ...]:
        for dependency, kept in list(self.kept.items()):
            if kept.opened_s is not None and self.clock.monotonic_s() > kept.retry_s + FORGOTTEN_S:
                del self.kept[dependency]
        return tuple(self.look(name) for name, kept in sorted(self.kept.items()) if kept.opened_s is not None)

    def check(self) -> None:
        require_none(self.list())

    def _of(self, dependency: str) -> Kept:
        return self.kept.setdefault(dependency, Kept())

    def _hear(self, kept: Kept, *, token: str, outcome: Outcome) -> None:
        if kept.opened_s is None or kept.probe[0] != token or self.clock.monotonic_s() >= kept.probe[1]:
            return
        kept.probe = ("", 0.0)
        if outcome is Outcome.WELL:
            kept.opened_s, kept.closed_s, kept.calls = None, self.clock.monotonic_s(), []
        elif outcome is not Outcome.UNKNOWN:
            self._open(kept, outcome)

    def _open(self, kept: Kept, outcome: Outcome) -> None:
        now_s = self.clock.monotonic_s()
        if kept.opened_s is None:
            kept.opened_s = now_s
            kept.openings = kept.openings if now_s - kept.closed_s < REMEMBERED_S else 0
        kept.openings += 1
        kept.retry_s = now_s + min(LONGEST_OPEN_S, FIRST_OPEN_S * 2 ** (kept.openings - 1))
        kept.reason = "denied" if outcome is Outcome.DENIED else "failing"
        kept.calls, kept.probe = [], ("", 0.0)
