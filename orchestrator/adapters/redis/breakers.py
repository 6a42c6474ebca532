"""`Breakers` over Redis: one script (`lua/breaker.lua`), asked a few times a second by each process that calls."""

import secrets
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from orchestrator.adapters.redis.connection import redis_errors
from orchestrator.adapters.redis.scripts import Scripts
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
from orchestrator.domain.errors import OrchestratorError
from orchestrator.ports.clock import Clock

log = structlog.get_logger()

KNOWN_FOR_S = 0.25
IDLE_S = 1.0
VOUCHED_FOR_S = 10.0  # as long as a process may go by its claims without asking
UNHEARD_FOR_S = 5.0  # a store that is away is not asked at every call
KEPT_S = 10.0  # as long as the store remembers a call at least
LONG_AGO_S = float("-inf")

RULE = {
    "least_calls": LEAST_CALLS,
    "failing": FAILING,
    "first_ms": int(FIRST_OPEN_S * 1000),
    "longest_ms": int(LONGEST_OPEN_S * 1000),
}
NO_CALL = {"token": "", "outcome": "", "asks": ""}


@dataclass
class Seen:
    """What this process has seen of a dependency and not told yet."""

    calls: int = 0
    failures: int = 0
    denied: bool = False

    def note(self, outcome: Outcome) -> None:
        self.calls += 1
        self.failures += outcome is not Outcome.WELL
        self.denied |= outcome is Outcome.DENIED


@dataclass
class Memory:
    """What this process knows of ``dependency``. One thread asks, the others go by what is known."""

    dependency: str
    ask_at_s: float = LONG_AGO_S
    asked_s: float = LONG_AGO_S
    called_s: float = LONG_AGO_S
    is_open: bool = False
    retry_at_s: float = LONG_AGO_S
    is_doubtful: bool = False
    seen: Seen = field(default_factory=Seen)
    seen_since_s: float = LONG_AGO_S
    counting: threading.Lock = field(default_factory=threading.Lock)
    asking: threading.Lock = field(default_factory=threading.Lock)

    def count(self, outcome: Outcome, now_s: float) -> None:
        with self.counting:
            if now_s - self.seen_since_s > KEPT_S:
                self.seen, self.seen_since_s = Seen(), now_s
            self.seen.note(outcome)

    def take_seen(self) -> Seen:
        """What to tell: of calls that went well nothing, as long as none fails anywhere."""
        with self.counting:
            if not (self.is_doubtful or self.seen.failures):
                return Seen()
            seen, self.seen = self.seen, Seen()
            return seen

    def vouch(self, now_s: float) -> None:
        is_idle, is_known = now_s - self.called_s > IDLE_S, now_s - self.asked_s < VOUCHED_FOR_S
        if is_idle and is_known and not (self.is_open or self.is_doubtful or self.seen.failures):
            self.ask_at_s = max(self.ask_at_s, now_s + KNOWN_FOR_S)

    def learn(self, breaker: Breaker, *, wait_ms: int, now_s: float) -> None:
        was_open, self.is_open = self.is_open, breaker.state is not BreakerState.CLOSED
        self.is_doubtful, self.retry_at_s = breaker.is_doubtful, now_s + wait_ms / 1000
        if self.is_open != was_open:
            log.warning("breaker.changed", dependency=self.dependency, state=breaker.state, reason=breaker.reason)


class RedisBreakers:
    """Implements `ports.breakers.Breakers`. ``types`` of tasks need a dependency, and wait while it is away."""

    def __init__(self, scripts: Scripts, clock: Clock, *, types: Mapping[str, Collection[str]] | None = None) -> None:
        self._scripts = scripts
        self._clock = clock
        self._types = {dependency: frozenset(names) for dependency, names in (types or {}).items()}
        self._memories: dict[str, Memory] = {}

    def allow(self, dependency: str) -> Permit:
        memory, now_s = self._memory(dependency), self._clock.monotonic_s()
        memory.called_s = now_s
        if now_s >= memory.ask_at_s and memory.asking.acquire(blocking=False):
            token = secrets.token_hex(8)
            if self._exchange(memory, {"asks": token}):
                return Permit(dependency, token)
        if memory.is_open:
            wait_s = memory.retry_at_s - self._clock.monotonic_s()
            raise DependencyOpen(dependency, retry_after_s=max(1.0, wait_s))
        return Permit(dependency)

    def vouch(self, types: Collection[str]) -> None:
        """A claim has just handed out tasks of these ``types``, so nothing that they need is away.

        Who was idle need not ask once more, for a while; who calls without a pause hears of what others meet.
        """
        now_s = self._clock.monotonic_s()
        for dependency, names in self._types.items():
            if not names.isdisjoint(types):
                self._memory(dependency).vouch(now_s)

    def report(self, permit: Permit, outcome: Outcome) -> bool:
        memory = self._memory(permit.dependency)
        if permit.token:
            memory.asking.acquire()
            self._exchange(memory, {"token": permit.token, "outcome": outcome})
        elif outcome is not Outcome.UNKNOWN:
            memory.count(outcome, self._clock.monotonic_s())
            if outcome is not Outcome.WELL and memory.asking.acquire(blocking=False):
                self._exchange(memory, {})
        return not memory.is_open

    def look(self, dependency: str) -> Breaker:
        with redis_errors():
            return _parse([dependency, *self._ask(dependency, Seen(), call={})])

    def list(self) -> tuple[Breaker, ...]:
        with redis_errors():
            return tuple(map(_parse, self._scripts.run("list_breakers", {})))

    def check(self) -> None:
        require_none(self.list())

    def _memory(self, dependency: str) -> Memory:
        return self._memories.get(dependency) or self._memories.setdefault(dependency, Memory(dependency))

    def _exchange(self, memory: Memory, call: Mapping[str, object]) -> bool:
        """Tell what was seen, hear how it is; whether the token in ``call`` is let through. Gives ``asking`` back.

        A store that is away is told nothing: what was known stays so, and what was seen is old news when it is back.
        """
        known_for_s = KNOWN_FOR_S
        try:
            with redis_errors():
                state, *counts, wait_ms, is_let = self._ask(memory.dependency, memory.take_seen(), call=call)
            memory.asked_s = self._clock.monotonic_s()
            memory.learn(_parse([memory.dependency, state, *counts]), wait_ms=wait_ms, now_s=self._clock.monotonic_s())
        except OrchestratorError as error:
            log.warning("breaker.unheard", dependency=memory.dependency, error=str(error))
            known_for_s = UNHEARD_FOR_S
            return False
        else:
            return bool(is_let)
        finally:
            memory.ask_at_s = self._clock.monotonic_s() + known_for_s
            memory.asking.release()

    def _ask(self, dependency: str, seen: Seen, *, call: Mapping[str, object]) -> Sequence[Any]:
        given = {
            "name": dependency,
            "calls": seen.calls,
            "failures": seen.failures,
            "denied": int(seen.denied),
            "types": "".join(f"{name} " for name in sorted(self._types.get(dependency, ()))),
        }
        answer: Sequence[Any] = self._scripts.run("breaker", {**RULE, **given, **NO_CALL, **call})
        return answer


def _parse(row: Sequence[Any]) -> Breaker:
    """Read what a script tells of a breaker: of a closed one its counts, of the others also the rest."""
    dependency, state, calls, failures, *opened = row
    if state == BreakerState.CLOSED:
        return Breaker(dependency, calls=calls, failures=failures)
    opened_ms, retry_ms, openings, reason = opened[:4]
    return Breaker(
        dependency, BreakerState(state), calls, failures, int(opened_ms), int(retry_ms), int(openings), reason
    )
