"""A figure: what was measured, how often, against which goal. One JSON line each, met or not."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

Measure = Callable[[], float]


class BenchmarkVoid(Exception):
    """What ran is not what was to be measured; a figure would be a lie."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A limit from below (``at_least``) or from above."""

    limit: float
    at_least: bool

    def is_met_by(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Run:
    """One round: both sides measured one right after the other, so that a noisy machine is noisy for both."""

    ours: float
    peer: float


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median of ours divided by the median of the peer's."""

    figure: str
    unit: str
    goal: Goal
    runs: Sequence[Run]

    @property
    def value(self) -> float:
        return median(run.ours for run in self.runs) / median(run.peer for run in self.runs)

    def render(self) -> str:
        """The figure as one line of JSON; ``runs`` holds every number that was measured, in ``unit``."""
        line = {
            "figure": self.figure,
            "value": round(self.value, 3),
            "unit": f"ratio of {self.unit}",
            "goal": str(self.goal),
            "met": self.goal.is_met_by(self.value),
            "runs": [{"ours": round(run.ours, 3), "peer": round(run.peer, 3)} for run in self.runs],
        }
        return json.dumps(line)


@dataclass(frozen=True, slots=True)
class Level:
    """A figure without a peer: the median of its rounds, on this machine."""

    figure: str
    unit: str
    goal: Goal
    rounds: Sequence[float]

    @property
    def value(self) -> float:
        return median(self.rounds)

    def render(self) -> str:
        line = {
            "figure": self.figure,
            "value": round(self.value, 3),
            "unit": self.unit,
            "goal": str(self.goal),
            "met": self.goal.is_met_by(self.value),
            "runs": [round(value, 3) for value in self.rounds],
        }
        return json.dumps(line)


def measure_in_turn(ours: Measure, peer: Measure, *, rounds: int) -> list[Run]:
    """Measure both sides in each round, and change who goes first from round to round."""
    return [Run(ours=value, peer=other) for value, other in zip(*take_turns([ours, peer], rounds=rounds), strict=True)]


def take_turns(measures: Sequence[Measure], *, rounds: int) -> list[list[float]]:
    """What each measured, round by round: each round measures all of them, and another goes first each time."""
    found: list[list[float]] = [[] for _ in measures]
    for number in range(rounds):
        first = number % len(measures)
        for which in [*range(first, len(measures)), *range(first)]:
            found[which].append(measures[which]())
    return found
