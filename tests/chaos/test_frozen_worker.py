"""A worker that stood still for longer than its lease wakes up and goes on, as if it still owned its task (fault 5)."""

import os
import signal

import crashing_parts
import pytest
from crash_world import FORKS, World
from crashing_parts import Point, freeze
from processes import is_frozen, wait_for
from verdict import status_of

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize("call", ["store", "advance", "finish"])
def test_fault_05_what_a_frozen_worker_makes_afterwards_is_void(world: World, call: str) -> None:
    task_id, port = world.submit_upscale(), "storage" if call == "store" else "claims"
    point, stopping = Point("before", port, call), FORKS.Event()
    frozen = world.start(crashing_parts.work, world.settings, point, lane="image", stopping=stopping, act=freeze)
    wait_for(lambda: is_frozen(frozen.pid))
    with world.surviving(("image",)):
        world.await_all([task_id])
    assert status_of(world.store, task_id) == "succeeded"
    committed = world.outputs(task_id)
    os.kill(frozen.pid or 0, signal.SIGCONT)
    frozen.join(20)
    assert frozen.exitcode == 0
    world.assert_converged({task_id: "succeeded"})
    assert world.outputs(task_id) == committed
    stored = {found.key for found in world.storage.list(f"projects/{world.project}/tasks/")}
    assert stored >= committed
    may_leave_strays = call == "store"  # before its first advance it stores nothing; what it stored then is adopted
    assert stored == committed or may_leave_strays
