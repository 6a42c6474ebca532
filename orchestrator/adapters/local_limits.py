"""`RateLimits` in the memory of one process, for as long as the shared ones cannot be asked."""

import threading
from collections.abc import Sequence

from orchestrator.domain.rate import Bucket, Grant, take
from orchestrator.ports.clock import Clock

MOST_BUCKETS = 10_000


class LocalLimits:
    """Implements `ports.limits.RateLimits`. Each process has its own, so all together allow more than one rate."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._full_at_s: dict[str, float] = {}
        self._lock = threading.Lock()

    def take(self, buckets: Sequence[Bucket], *, least: int, share_s: float) -> Grant:
        with self._lock:
            now_s = self._clock.monotonic_s()
            full_at_s = [max(now_s, self._full_at_s.get(bucket.name, now_s)) for bucket in buckets]
            full_in_s = [at_s - now_s for at_s in full_at_s]
            grant = take([bucket.rate for bucket in buckets], full_in_s, least=least, share_s=share_s)
            for bucket, at_s in zip(buckets, full_at_s, strict=True):
                self._full_at_s[bucket.name] = at_s + grant.units / bucket.rate.per_s
            self._forget_full_ones(now_s)
            return grant

    def _forget_full_ones(self, now_s: float) -> None:
        if len(self._full_at_s) > MOST_BUCKETS:
            self._full_at_s = {name: at_s for name, at_s in self._full_at_s.items() if at_s > now_s}
