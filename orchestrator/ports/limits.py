"""How many requests a caller may make in a time."""

from collections.abc import Sequence
from typing import Protocol

from orchestrator.domain.rate import Bucket, Grant


class RateLimits(Protocol):
    """Buckets that refill. One that nobody has taken from is full."""

    def take(self, buckets: Sequence[Bucket], *, least: int, share_s: float) -> Grant:
        """Take the same number of units from every bucket, at least ``least`` or none: `domain.rate.take`.

        More than ``least`` are given as far as they are there, up to what ``share_s`` seconds bring in: the caller may
        spend them without asking again.

        Raises:
            Unavailable, Overloaded: nobody can say now.
        """
        ...
