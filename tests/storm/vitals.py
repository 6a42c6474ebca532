"""Memory, files and threads of every process of a stack over time, and whether they stay flat."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MIB = 1 << 20
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Vital:
    """One process at one moment."""

    at_s: float
    part: str
    pid: int
    rss_mib: float
    fds: int
    threads: int


def take_vitals(about: Mapping[str, Any], at_s: float) -> list[Vital]:
    """Of every part with everything that it started, and of the supervisor."""
    parts = {pid: name for name, pid in about["processes"].items()} | {about["supervisor"]: "supervisor"}
    found = []
    for entry in Path("/proc").iterdir():
        # A process may end while it is looked at.
        with suppress(OSError, ValueError):
            pid = int(entry.name)
            if part := parts.get(os.getpgid(pid)):
                found.append(_take(entry, at_s, pid=pid, part=part))
    return found


def slopes(vitals: Iterable[Vital], measure: Callable[[Vital], float], *, warm_up_s: float) -> dict[str, float]:
    """By part: what a process gains in a minute, once it has run for ``warm_up_s``."""
    lives: dict[tuple[str, int], list[Point]] = defaultdict(list)
    for vital in vitals:
        lives[vital.part, vital.pid].append((vital.at_s, measure(vital)))
    warm: dict[str, list[Sequence[Point]]] = defaultdict(list)
    for (part, _), points in lives.items():
        warm[part].append([point for point in points if point[0] >= points[0][0] + warm_up_s])
    return {part: slope_per_s(series) * 60 for part, series in warm.items()}


def slope_per_s(series: Iterable[Sequence[Point]]) -> float:
    """Least squares over several series that share a slope and not a level: processes that replace each other."""
    moments = [moment for points in series if points for moment in _centered(points)]
    spread = sum(at * at for at, _ in moments)
    return sum(at * value for at, value in moments) / spread if spread else 0.0


def _centered(points: Sequence[Point]) -> Iterator[Point]:
    mean_at, mean_value = (sum(column) / len(points) for column in zip(*points, strict=True))
    return ((at - mean_at, value - mean_value) for at, value in points)


def _take(entry: Path, at_s: float, *, pid: int, part: str) -> Vital:
    resident = int((entry / "statm").read_text().split()[1]) * PAGE_BYTES / MIB
    threads = len(list((entry / "task").iterdir()))
    return Vital(at_s, part, pid, resident, len(list((entry / "fd").iterdir())), threads)
