"""From a seed to a sequence of faults: the same seed, the same sequence, on every machine."""

import os
import random
import secrets
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault to inject ``at_s`` after the storm's beginning. ``roll``, in [0, 1), decides what is left to decide."""

    at_s: float
    kind: str
    roll: float


@dataclass(frozen=True, slots=True)
class Weather:
    """How long a storm lasts, the shortest and the longest pause between faults, and how often each kind comes."""

    length_s: float
    pause_s: tuple[float, float]
    weights: Mapping[str, int]


def draw_schedule(seed: int, weather: Weather) -> tuple[Strike, ...]:
    """Every kind at least once where there is room: kinds are dealt like cards, a fresh deck when one is used up."""
    dice = random.Random(seed)  # noqa: S311 - a schedule is to be repeated, not kept secret
    strikes: list[Strike] = []
    deck: list[str] = []
    at_s = dice.uniform(*weather.pause_s)
    while at_s < weather.length_s:
        if not deck:
            deck = [kind for kind in sorted(weather.weights) for _ in range(weather.weights[kind])]
            dice.shuffle(deck)
        strikes.append(Strike(round(at_s, 3), deck.pop(), dice.random()))
        at_s += dice.uniform(*weather.pause_s)
    return tuple(strikes)


def choose_seed() -> int:
    """The seed that was given in the environment as ``CHAOS_SEED``, or a new one."""
    return int(os.environ.get("CHAOS_SEED", secrets.randbelow(1_000_000)))
