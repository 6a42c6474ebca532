"""A storm of faults over clients at work, drawn from a seed.

``CHAOS_SEED`` repeats one, ``CHAOS_STORM_S`` makes it long.
"""

from collections.abc import Callable

import pytest
from live_stack import LEASE_S, LiveStack
from storm.ledger import Ledger
from storm.process_faults import ProcessFaults
from storm.schedule import Weather, choose_seed, draw_schedule
from storm.storm import Target, length_s, let_loose
from storm.verdict import render_faults
from verdict import assert_settled

LENGTH_S = length_s(default=20)
WEATHER = Weather(
    LENGTH_S,
    pause_s=(0.5, 4),
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
# The lease, a round of the keeper, and a worker's start on a machine that does much else; faults may follow each other.
RECOVERY_S = LEASE_S + 27

Recorder = Callable[[str, object], None]


@pytest.mark.slow
@pytest.mark.timeout(LENGTH_S + 240)
def test_a_storm_loses_and_doubles_nothing(
    stack: LiveStack, ledger: Ledger, record_testsuite_property: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = choose_seed()
    about = stack.about
    faults = ProcessFaults(stack, ledger).by_kind
    target = Target(about["api"], about["api_key"], stack.store, about["metrics"]["workers"], ledger, faults)
    with capsys.disabled():
        print(f"\nCHAOS_SEED={seed}")  # noqa: T201 - whoever looks at a failure needs it
    aftermath = let_loose(target, WEATHER, seed=seed)
    with capsys.disabled():
        print(aftermath.verdict.render())  # noqa: T201 - the table that a long storm is run for
    for name, value in aftermath.verdict.rows():
        record_testsuite_property(f"storm: {name}", value)
    assert aftermath.errors == [], render_faults(ledger.faults())
    assert aftermath.verdict.worst_recovery_s <= RECOVERY_S, render_faults(ledger.faults())
    assert_settled(stack.store, sorted(aftermath.history.stories))


def test_a_seed_is_a_schedule() -> None:
    assert draw_schedule(7, WEATHER) == draw_schedule(7, WEATHER) != draw_schedule(8, WEATHER)
    long = draw_schedule(7, Weather(600, WEATHER.pause_s, WEATHER.weights))
    assert {strike.kind for strike in long[: sum(WEATHER.weights.values())]} == set(WEATHER.weights)
    assert all(0 < strike.at_s < 600 for strike in long)
