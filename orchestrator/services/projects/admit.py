"""Admit: whether a caller may make this request now. It costs the store one question in many requests, not one each."""

import threading
from dataclasses import dataclass

import structlog

from orchestrator.domain.api_key import Caller
from orchestrator.domain.errors import DependencyError, Overloaded
from orchestrator.domain.rate import EPSILON, Bucket, Grant, Rate
from orchestrator.ports.clock import Clock
from orchestrator.ports.limits import RateLimits

log = structlog.get_logger()

# By the CPU of the front door (docs/performance.md): about 1 ms for a look, 3 for a submit, which waits for a disk too.
READ_COST, WRITE_COST = 1, 3
BATCHED_COST = 1  # of each task of a batch, beside that of its call
SHARE_S = 0.1  # of the rate is taken at once and spent here, if that is more than one request
AWAY_S = 1.0  # for which a store that could not be asked is not asked again
MOST_PURSES = 10_000


@dataclass(frozen=True, slots=True)
class Rates:
    """Of a project that names none of its own, and of each key; None is no limit."""

    project: Rate | None = None
    key: Rate | None = None

    def buckets_of(self, caller: Caller) -> tuple[Bucket, ...]:
        project, default = caller.project, self.project
        rate = default
        if project.requests_per_s:
            burst = project.burst or max(1, round(2 * project.requests_per_s))
            rate = Rate(project.requests_per_s, burst)
        elif default and project.burst:
            rate = Rate(default.per_s, project.burst)
        named = ((f"project:{project.slug}", rate), (f"key:{caller.key_id}", self.key))
        return tuple(Bucket(name, each) for name, each in named if each)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a caller is told: units it may spend now, of ``limit``, all of which are back in ``reset_s``.

    ``retry_after_s`` is None when the request is admitted.
    """

    limit: int
    remaining: int
    reset_s: float
    retry_after_s: float | None = None


@dataclass(slots=True)
class _Purse:
    """What is left of the last grant; or what was refused, and until when."""

    grant: Grant
    taken_at_s: float
    units: int
    refused: int = 0

    def allowance(self, now_s: float, retry_after_s: float | None = None) -> Allowance:
        rate = self.grant.rate
        spare = min(rate.burst, self.grant.spare_after(now_s - self.taken_at_s) + self.units)
        return Allowance(rate.burst, max(0, int(spare + EPSILON)), (rate.burst - spare) / rate.per_s, retry_after_s)


class AdmitRequests:
    """Units are taken from the shared limits some at a time. While those are away, reads are limited by local ones."""

    def __init__(self, shared: RateLimits, local: RateLimits, rates: Rates, clock: Clock) -> None:
        self._shared = shared
        self._local = local
        self._rates = rates
        self._clock = clock
        self._purses: dict[str, _Purse] = {}
        self._ask_again_at_s = 0.0
        self._lock = threading.Lock()

    def recall(self, caller: Caller, cost: int) -> Allowance | None:
        """The answer, if it is known here. Never waits."""
        with self._lock:
            purse, now_s = self._purses.get(caller.key_id), self._clock.monotonic_s()
            if purse is None:
                return None
            if purse.units >= cost:
                purse.units -= cost
                return purse.allowance(now_s)
            left_s = purse.grant.retry_after_s - (now_s - purse.taken_at_s)
            if 0 < purse.refused <= cost and left_s > EPSILON:
                return purse.allowance(now_s, left_s)
            return None

    def ask(self, caller: Caller, cost: int) -> Allowance | None:
        """The answer of the shared limits; None when nothing limits this caller.

        Raises:
            Unavailable, Overloaded: they are away, and the request is not just a look.
        """
        buckets = self._rates.buckets_of(caller)
        if not buckets:
            return None
        grant = self._take(buckets, cost)
        now_s = self._clock.monotonic_s()
        with self._lock:
            if len(self._purses) >= MOST_PURSES:
                self._purses.clear()  # what is in them is paid for: nobody gets more than its rate
            left = self._purses[caller.key_id].units if caller.key_id in self._purses else 0
            purse = _Purse(grant, now_s, left + max(0, grant.units - cost), 0 if grant.units else cost)
            self._purses[caller.key_id] = purse
            return purse.allowance(now_s, None if grant.units else grant.retry_after_s)

    def _take(self, buckets: tuple[Bucket, ...], cost: int) -> Grant:
        is_read = cost <= READ_COST
        if is_read and self._clock.monotonic_s() < self._ask_again_at_s:
            return self._local.take(buckets, least=cost, share_s=0)
        try:
            return self._shared.take(buckets, least=cost, share_s=SHARE_S)
        except (DependencyError, Overloaded) as error:
            if not is_read:
                raise
            log.warning("limits.local", error=str(error))
            self._ask_again_at_s = self._clock.monotonic_s() + AWAY_S
            return self._local.take(buckets, least=cost, share_s=0)
