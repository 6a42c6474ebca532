"""Storms of faults over clients at work, drawn from a seed.

``CHAOS_SEED`` repeats one, ``CHAOS_STORM_S`` makes it long.
"""

from collections.abc import Callable
from contextlib import ExitStack

import pytest
from live_stack import LEASE_S, LiveStack
from proxied_node import ProxiedNode
from storm.ledger import Ledger
from storm.process_faults import aim_at
from storm.schedule import Weather, choose_seed, draw_schedule
from storm.storm import Target, length_s, let_loose
from storm.verdict import render_faults, render_kinds
from storm.wire_faults import aim_at_wires
from verdict import assert_settled

PROCESSES = Weather(
    length_s(default=20),
    pause_s=(0.5, 5),
    weights={
        "worker killed": 1,
        "child killed": 2,
        "child frozen": 2,
        "worker restarted": 1,
        "api killed": 1,
        "keeper killed": 1,
        "redis killed": 1,
        "redis frozen": 1,
        "connections killed": 1,
        "pulses lost": 1,
    },
)
WIRES = Weather(
    length_s(default=10),
    pause_s=(0.2, 1.5),
    weights={
        "claim reply lost": 3,
        "pulse lost": 3,
        "commit reply lost": 3,
        "submit reply lost": 3,
        "connections reset": 3,
        "redis silent": 1,
    },
)
# The lease, a round of the keeper, and a worker's start on a machine that does much else; faults may follow each other.
RECOVERY_S = LEASE_S + 27

pytestmark = pytest.mark.timeout(length_s(default=0) + 240)


class Judge:
    """Lets a storm loose, shows its seed and its verdict, and finds no error."""

    def __init__(self, capsys: pytest.CaptureFixture[str], record: Callable[[str, object], None]) -> None:
        self._capsys, self._record = capsys, record

    def judge(self, target: Target, weather: Weather, *, name: str) -> None:
        seed = choose_seed()
        self._show(f"\nstorm of {name}, {weather.length_s:g} s, CHAOS_SEED={seed}")
        aftermath = let_loose(target, weather, seed=seed)
        self._show(render_kinds(target.ledger.faults()))
        self._show(aftermath.verdict.render())
        for what, value in aftermath.verdict.rows():
            self._record(f"storm of {name}: {what}", value)
        timeline = render_faults(target.ledger.faults())
        assert aftermath.errors == [], timeline
        assert aftermath.verdict.worst_recovery_s <= RECOVERY_S, timeline
        assert_settled(target.store, sorted(aftermath.history.stories))

    def _show(self, text: str) -> None:
        with self._capsys.disabled():
            print(text)  # noqa: T201 - the seed to whoever sees a failure, the table to whoever ran it for that


@pytest.fixture
def judge(capsys: pytest.CaptureFixture[str], record_testsuite_property: Callable[[str, object], None]) -> Judge:
    return Judge(capsys, record_testsuite_property)


def test_a_storm_of_process_faults(stack: LiveStack, ledger: Ledger, judge: Judge) -> None:
    judge.judge(aim_at(stack, ledger), PROCESSES, name="processes")


def test_a_storm_of_wire_faults(node: ProxiedNode, ledger: Ledger, judge: Judge) -> None:
    with ExitStack() as open_ends:
        judge.judge(aim_at_wires(node, ledger, open_ends=open_ends), WIRES, name="wires")
    assert node.given_up == []


@pytest.mark.parametrize("weather", [PROCESSES, WIRES])
def test_a_seed_is_a_schedule(weather: Weather) -> None:
    long = Weather(600, weather.pause_s, weather.weights)
    strikes = draw_schedule(7, long)
    assert strikes == draw_schedule(7, long) != draw_schedule(8, long)
    assert {strike.kind for strike in strikes[: sum(weather.weights.values())]} == set(weather.weights)
    assert all(0 < strike.at_s < long.length_s for strike in strikes)
