"""A worker's child dies at every call that it makes for a task. Each task ends once, and nothing is left behind.

All die in one world while no keeper runs; then a keeper and one worker clear up. A death that leaves its task ready
comes last in its lane, or the next child would take that task too.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event

import crashing_parts
import pytest
from crash_world import FORKS, LANES, World, Worlds
from crashing_parts import Point, around
from verdict import crashes

# All crashes are one fixture: half a minute, or much more where much else runs.
pytestmark = pytest.mark.timeout(300)

During = Callable[..., None]


def nothing(*_told: object, **_named: object) -> None:
    """The child is left to itself."""


def cancel(world: World, task_id: str, **_named: object) -> None:
    world.await_beaten(task_id)
    world.intake.cancel(world.project, task_id)


def stop(world: World, task_id: str, *, stopping: Event) -> None:
    world.await_beaten(task_id)
    stopping.set()


@dataclass(frozen=True)
class Crash:
    """A task, what happens while it runs, where its child dies, and how it must end nevertheless."""

    point: Point
    lane: str = "image"
    params: dict[str, object] | None = None
    copies: int = 1
    during: During = nothing
    ends_as: str = "succeeded"

    def __str__(self) -> str:
        return str(self.point)


WORKING = (
    around("claims", "claim")[1],
    *around("claims", "beat"),
    *around("storage", "fetch"),
    *around("control", "index"),
    *around("engine", "submit"),
    *around("storage", "store"),
    *around("storage", "put"),
    *around("claims", "advance"),
    *around("claims", "advance", nth=2),
    *around("claims", "finish"),
    around("claims", "claim")[0],
)
BEFORE_RING, AFTER_RING = around("pulses", "ring")
CRASHES = (
    *(Crash(point) for point in WORKING),
    *(Crash(point, "io", {"fail": "invalid_input"}, ends_as="failed") for point in around("claims", "fail")),
    *(Crash(point, "io", {"delay_ms": 5000}, during=cancel, ends_as="canceled") for point in around("claims", "stop")),
    *(Crash(point, "io", {"delay_ms": 1000}, during=stop) for point in around("claims", "release")),
    # The bell rings for the tasks that a child leaves behind: those beyond its slots.
    Crash(BEFORE_RING, "video", {}, copies=2),
    Crash(AFTER_RING, "audio", {}, copies=5),
)


@dataclass(frozen=True)
class Wreck:
    """What became of everybody."""

    world: World
    ids: dict[Point, list[str]] = field(default_factory=dict)
    exit_codes: dict[Point, int | None] = field(default_factory=dict)

    def meet(self, crash: Crash) -> None:
        """Submit what the crash needs, and run a child into it."""
        world, stopping = self.world, FORKS.Event()
        ids = [
            world.submit_upscale() if crash.params is None else submit_echo(world, crash) for _ in range(crash.copies)
        ]
        process = world.start(crashing_parts.work, world.settings, crash.point, lane=crash.lane, stopping=stopping)
        crash.during(world, ids[0], stopping=stopping)
        process.join(30)
        self.ids[crash.point], self.exit_codes[crash.point] = ids, process.exitcode


def submit_echo(world: World, crash: Crash) -> str:
    return world.submit(lane=crash.lane, params=crash.params)


@pytest.fixture(scope="module")
def wreck(worlds: Worlds) -> Iterator[Wreck]:
    with worlds.open() as world:
        wreck = Wreck(world)
        for crash in CRASHES:
            wreck.meet(crash)
        with world.surviving(LANES):
            world.await_all([task_id for ids in wreck.ids.values() for task_id in ids])
        yield wreck


@pytest.mark.parametrize("crash", CRASHES, ids=str)
def test_fault_01_a_task_outlives_the_crash_of_its_worker(wreck: Wreck, crash: Crash) -> None:
    assert wreck.exit_codes[crash.point] == crashing_parts.DIED, "the point was never reached"
    wreck.world.assert_converged(dict.fromkeys(wreck.ids[crash.point], crash.ends_as))
    assert all(crashes(wreck.world.store, task_id) <= 1 for task_id in wreck.ids[crash.point])


def test_fault_01_nothing_is_left_of_the_crashes_after_the_retention(wreck: Wreck) -> None:
    wreck.world.sweep()
    wreck.world.assert_empty()
