"""A soak: a storm at a steady load, on a node that forgets quickly, with its vitals taken all the while."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import redis
from live_stack import LiveStack
from storm.clients import Habits
from storm.storm import Target, at_work
from storm.vitals import Point, Vital, slope_per_s, slopes, take_vitals

CALIBRATION_S = 15.0
LOAD = 0.8
EVERY_S = 2.0
MEASURES: dict[str, Callable[[Vital], float]] = {
    "rss_mib": lambda vital: vital.rss_mib,
    "fds": lambda vital: vital.fds,
    "threads": lambda vital: vital.threads,
}


@dataclass(slots=True)
class Watch:
    """Takes the vitals of a stack, and the number of its keys, every two seconds."""

    stack: LiveStack
    vitals: list[Vital] = field(default_factory=list)
    keys: list[Point] = field(default_factory=list)

    @contextmanager
    def watching(self) -> Iterator[None]:
        done, begun_s = threading.Event(), time.monotonic()

        def watch() -> None:
            while not done.wait(EVERY_S):
                self._take(time.monotonic() - begun_s)

        watcher = threading.Thread(target=watch, name="vitals")
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()

    def slopes(self, *, warm_up_s: float) -> dict[str, dict[str, float]]:
        """What a process of each part gains in a minute, by measure."""
        return {name: slopes(self.vitals, measure, warm_up_s=warm_up_s) for name, measure in MEASURES.items()}

    def keys_drift(self, *, warm_up_s: float) -> float:
        """What the store gains in a minute, as a share of the keys that it has."""
        warm = [point for point in self.keys if point[0] >= warm_up_s]
        return slope_per_s([warm]) * 60 / (sum(count for _, count in warm) / len(warm))

    def render(self, *, warm_up_s: float) -> str:
        """A table for people: gains a minute, and the largest sizes."""
        found = self.slopes(warm_up_s=warm_up_s)
        lines = [f"{'part':<12}{'MiB/min':>9}{'fds/min':>9}{'thr/min':>9}{'max MiB':>9}{'max fds':>9}{'max thr':>9}"]
        for part in sorted(found["rss_mib"]):
            gains = "".join(f"{found[name][part]:>9.2f}" for name in MEASURES)
            most = "".join(f"{max(m(v) for v in self.vitals if v.part == part):>9.0f}" for m in MEASURES.values())
            lines.append(f"{part:<12}{gains}{most}")
        most_keys = max(count for _, count in self.keys)
        return "\n".join(
            [*lines, f"keys: {self.keys_drift(warm_up_s=warm_up_s):+.1%} a minute, {most_keys:.0f} at most"]
        )

    def _take(self, at_s: float) -> None:
        self.vitals += take_vitals(self.stack.about, at_s)
        try:
            self.keys.append((at_s, int(self.stack.store.eval("return redis.call('DBSIZE')", 0))))
        except redis.RedisError:
            return  # it is being killed just now


def find_steady_habits(target: Target, habits: Habits) -> Habits:
    """The pauses with which clients do four fifths of what they do without pausing."""
    with at_work(target, replace(habits, pause_s=0), seed=0) as recorder:
        threading.Event().wait(CALIBRATION_S)
        ops = len(recorder.history({}).ops)
    busy_s = CALIBRATION_S * habits.clients / max(1, ops)
    return replace(habits, pause_s=busy_s * (1 / LOAD - 1))
