"""However much waits, what lapsed is recovered in time."""

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest
from crash_world import World
from processes import wait_for
from record_store import new_task
from verdict import crashes, find_misplaced, status_of

from orchestrator.adapters.redis.claims import RedisClaims
from orchestrator.adapters.redis.client import RedisClient
from orchestrator.adapters.redis.intake import render_new
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.ports.claims import Beat

pytestmark = pytest.mark.timeout(120)

LEASE_S = 3
FLOOD, PIPELINED = 20_000, 1_000
LATE_S = 2.0

Recorder = Callable[[str, object], None]


@pytest.mark.long
def test_twenty_thousand_queued_tasks_do_not_delay_the_recovery_of_a_lease(
    world: World, record_testsuite_property: Recorder
) -> None:
    lapsing = world.submit(lane="audio")
    flood(world)
    claims = RedisClaims(Scripts(world.store), lease_ms=LEASE_S * 1000)
    with world.surviving(()):
        wait_for(lambda: any(world.store.scan_iter("orch:alive:keeper:*")))
        (run,) = claims.claim("audio", "worker-1", run_ids=["run-1"]).runs
        claims.beat([Beat(run)])
        lapses_at_s = (world.lease_ends_at(lapsing) or 0) / 1000
        wait_for(lambda: status_of(world.store, lapsing) == "queued")
    (*_, (_, event)) = world.store.xrange(f"orch:events:{lapsing}")
    late_s = int(event["at_ms"]) / 1000 - lapses_at_s
    record_testsuite_property("20,000 queued: lease recovered late by, s", late_s)
    assert late_s <= LATE_S
    assert crashes(world.store, lapsing) == 1
    assert find_misplaced(world.store, [lapsing]) == []


def flood(world: World) -> None:
    """Queue so many tasks that whoever walked over them would be late. The store knows the script from a submit."""
    for first in range(0, FLOOD, PIPELINED):
        pipeline = world.store.pipeline(transaction=False)
        scripts = Scripts(cast("RedisClient", pipeline))
        for number in range(first, first + PIPELINED):
            task = replace(new_task(f"task_{number}", project=f"film-{number % 100}"), lane="io")
            scripts.run("submit", render_new(task))
        pipeline.execute()
