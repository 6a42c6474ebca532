"""A storm: clients at work under a seeded schedule of faults, and what is left to judge when it is over."""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from processes import wait_for
from storm.clients import Client, Habits, clients_at_work
from storm.history import History, Recorder
from storm.ledger import Ledger
from storm.rules import check
from storm.schedule import Weather, draw_schedule
from storm.verdict import Verdict, judge, read_stories
from verdict import TERMINAL, Store, statuses

ALL_ENDED_S = 60.0
USUAL = Habits()
Inject = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Target:
    """What a storm is let loose on: a node, the ledger that watches it, and the faults that can be injected."""

    api: str
    api_key: str
    store: Store
    ledger: Ledger
    faults: Mapping[str, Inject]
    count_stale: Callable[[], float] = float


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What a storm leaves to judge."""

    verdict: Verdict
    history: History

    @property
    def errors(self) -> list[str]:
        """Everything that must not be; empty after every storm."""
        counted = {"lost": self.verdict.lost, "doubled": self.verdict.doubled}
        wrong = [f"{name}: {count}" for name, count in counted.items() if count]
        return [*wrong, *self.verdict.unexplained, *check(self.history)]


@contextmanager
def at_work(target: Target, habits: Habits, *, seed: int) -> Iterator[Recorder]:
    """Clients work until the block is left; then they stay until their tasks have ended."""
    recorder, stopping = Recorder(), threading.Event()
    headers = {"Authorization": f"Bearer {target.api_key}"}
    with httpx.Client(base_url=target.api, headers=headers, timeout=5) as http:
        dice = [random.Random(f"{seed}/{i}") for i in range(habits.clients)]  # noqa: S311 - to be repeated
        crowd = [Client(http, recorder, target.ledger, stopping, mine, habits) for mine in dice]
        with clients_at_work(crowd, stopping):
            yield recorder


def carry_out(target: Target, weather: Weather, *, seed: int) -> None:
    """Inject the faults of the schedule, each at its time, and return when the storm is over."""
    begun_s, never = time.monotonic(), threading.Event()
    for strike in draw_schedule(seed, weather):
        never.wait(max(0.0, begun_s + strike.at_s - time.monotonic()))
        target.faults[strike.kind](strike.roll)
    never.wait(max(0.0, begun_s + weather.length_s - time.monotonic()))


def let_loose(target: Target, weather: Weather, *, seed: int, habits: Habits = USUAL) -> Aftermath:
    """Clients work while the schedule of the seed is carried out; return when every task has ended."""
    stale_before = target.count_stale()
    with at_work(target, habits, seed=seed) as recorder:
        carry_out(target, weather, seed=seed)
    ids = sorted(target.ledger.accepted() | {execution.task_id for execution in target.ledger.executions()})
    wait_for(lambda: statuses(target.store, ids) <= TERMINAL, within_s=ALL_ENDED_S)
    stories = read_stories(target.store, ids)
    stale = round(target.count_stale() - stale_before)
    return Aftermath(judge(target.ledger, stories, stale_refused=stale), recorder.history(stories))


def length_s(default: float) -> float:
    """The length of a storm: as asked for in the environment as ``CHAOS_STORM_S``, or a short one."""
    return float(os.environ.get("CHAOS_STORM_S", default))
