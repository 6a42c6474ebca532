"""`RateLimits` over Redis: one script, shared by every process of the API."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.adapters.redis.connection import redis_errors
from orchestrator.adapters.redis.records import render_json
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.rate import Bucket, Grant


@dataclass(frozen=True, slots=True)
class RedisLimits:
    """Implements `ports.limits.RateLimits`."""

    scripts: Scripts

    def take(self, buckets: Sequence[Bucket], *, least: int, share_s: float) -> Grant:
        told = [{"name": each.name, "per_s": each.rate.per_s, "burst": each.rate.burst} for each in buckets]
        with redis_errors():
            given = {"buckets": render_json(told), "least": least, "share_s": share_s}
            units, tightest, spare, wait_s = self.scripts.run("limit", given)
        return Grant(units, buckets[tightest].rate, float(spare), float(wait_s))
