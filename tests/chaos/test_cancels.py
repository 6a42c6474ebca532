"""A cancel meets a task at every stage of its life; the task ends once, in one of the two ways (fault 36).

That the work inside Triton ends with the run is shown in `tests/e2e/test_cancel.py`.
"""

from dataclasses import dataclass
from functools import partial

import crashing_parts
import pytest
from crash_world import FORKS, LEASE, World
from crashing_parts import Hold, Point
from processes import wait_for
from verdict import status_of

pytestmark = pytest.mark.timeout(60)


@dataclass(frozen=True)
class Stage:
    """Where the run stands when the cancel comes, and whether it is told before it goes on."""

    name: str
    point: Point
    ends_as: str = "canceled"
    is_told: bool = True

    def __str__(self) -> str:
        return self.name


STAGES = (
    Stage("claimed", Point("before", "claims", "beat"), is_told=False),  # its first beat is what tells it
    Stage("fetching", Point("before", "storage", "fetch")),
    Stage("inferring", Point("after", "engine", "submit")),
    Stage("uploading", Point("after", "storage", "store")),
    Stage("finishing", Point("before", "claims", "finish"), ends_as="succeeded"),
    Stage("finished", Point("after", "claims", "finish"), ends_as="succeeded", is_told=False),
)


@pytest.mark.parametrize("stage", STAGES, ids=str)
def test_fault_36_a_cancel_at_every_stage_of_a_run(world: World, stage: Stage) -> None:
    task_id, hold, stopping = world.submit_upscale(), Hold(FORKS.Event(), FORKS.Event()), FORKS.Event()
    lasting = world.with_lease(LEASE)
    worker = world.start(crashing_parts.work, lasting, stage.point, lane="image", stopping=stopping, act=hold)
    assert hold.reached.wait(30)
    world.intake.cancel(world.project, task_id)
    if stage.is_told:
        await_beats(world, task_id)
    hold.go_on.set()
    world.await_all([task_id])
    worker.join(20)
    assert worker.exitcode == 0
    world.assert_converged({task_id: stage.ends_as})
    world.sweep()
    world.assert_empty()


def test_fault_36_a_cancel_of_a_queued_task(world: World) -> None:
    task_id = world.submit_upscale()
    world.intake.cancel(world.project, task_id)
    assert status_of(world.store, task_id) == "canceled"
    world.assert_converged({task_id: "canceled"})


def await_beats(world: World, task_id: str) -> None:
    """Return when the run has heard the answer of a beat that it sent after the cancel."""
    for _ in range(2):
        was = world.lease_ends_at(task_id)
        wait_for(partial(is_renewed, world, task_id, was=was))


def is_renewed(world: World, task_id: str, *, was: float | None) -> bool:
    return world.lease_ends_at(task_id) != was
