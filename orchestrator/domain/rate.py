"""The generic cell rate algorithm (ITU-T I.371), which limits a rate and allows bursts. Pure arithmetic, no clock.

A bucket of ``burst`` units refills at ``per_s``. All that is kept of it is when it will be full: the theoretical
arrival time of the algorithm. Nothing runs in between, and a bucket that is full needs no memory.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

EPSILON = 1e-6


@dataclass(frozen=True, slots=True)
class Rate:
    """``per_s`` units in the long run, and ``burst`` of them at once."""

    per_s: float
    burst: int


@dataclass(frozen=True, slots=True)
class Bucket:
    """A rate, and the name under which those who share it know it."""

    name: str
    rate: Rate


@dataclass(frozen=True, slots=True)
class Grant:
    """``units`` were taken, none when refused. ``spare`` is what is left in the bucket that has least of it."""

    units: int
    rate: Rate
    spare: float
    retry_after_s: float = 0.0

    def spare_after(self, seconds: float) -> float:
        """What is left ``seconds`` later, if nobody takes any."""
        return min(self.rate.burst, self.spare + seconds * self.rate.per_s)


def spare_of(rate: Rate, full_in_s: float) -> float:
    """Units in a bucket that will be full in so many seconds; less than none when it is in debt."""
    return rate.burst - max(0.0, full_in_s) * rate.per_s


def take(rates: Sequence[Rate], full_in_s: Sequence[float], *, least: int, share_s: float) -> Grant:
    """Take the same from every bucket: at least ``least`` units or none, and at most what ``share_s`` seconds bring in.

    Whoever asks for more than a burst needs a full bucket, and leaves it in debt.
    """
    spares = [spare_of(rate, full) for rate, full in zip(rates, full_in_s, strict=True)]
    wait_s = max((min(least, rate.burst) - spare) / rate.per_s for rate, spare in zip(rates, spares, strict=True))
    most = min(*spares, max(least, min(rate.per_s for rate in rates) * share_s))
    units = 0 if wait_s > EPSILON else max(least, math.floor(most + EPSILON))
    tightest = min(range(len(rates)), key=spares.__getitem__)
    return Grant(units, rates[tightest], spares[tightest] - units, 0.0 if units else wait_s)
