"""Pulses are lost, doubled and misled: the record rings again. Every test is named after the number of its fault."""

import time
from collections.abc import Callable

import pytest
from echo_load import submit_echo
from processes import wait_for
from proxied_node import ProxiedNode
from redis_faults import lost_pulses
from verdict import assert_sound, await_all, await_next_ending

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

RUNG_WITHIN_S = 2.0
FIRST_PULSE_S = 3.0  # its child makes its clients at its first pulse
LOST = 20

Recorder = Callable[[str, object], None]


def test_fault_04_twenty_pulses_are_lost_on_the_way(node: ProxiedNode, record_testsuite_property: Recorder) -> None:
    ids: list[str] = []

    def submit_until_lost() -> bool:
        ids.append(submit_echo(node))
        return loss.is_over

    loss = lost_pulses(LOST)
    with node.outside.redis_faults.making(loss):
        wait_for(submit_until_lost)
    await_next_ending(node.store, within_s=RUNG_WITHIN_S + FIRST_PULSE_S)
    record_testsuite_property("fault 4: recovery, s", time.monotonic() - loss.happened_at_s[-1])
    await_all(node.store, ids)
    assert_sound(node.store, ids)
    assert node.ended == []
