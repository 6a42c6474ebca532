"""A keeper dies at every call of a round of its duties; the round of the next one completes what it began."""

from datetime import timedelta

import crashing_parts
import pytest
from crash_world import World
from crashing_parts import Point, around
from processes import wait_for
from verdict import crashes, find_misplaced, status_of

from orchestrator.adapters.redis.claims import RedisClaims
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.redis.uploads import RedisUploadLog
from orchestrator.domain.task import Run
from orchestrator.ports.claims import Beat, Commit
from orchestrator.ports.upkeep import Mended
from orchestrator.settings import Settings
from orchestrator.wiring.outside import build_upkeep

NOTHING = Mended(0, 0, 0, 0, 0)
pytestmark = pytest.mark.timeout(60)

MENDS = (
    *around("upkeep", "take_duty"),
    *around("upkeep", "reconcile"),
    *around("upkeep", "load"),
    *around("pulses", "ring"),
    *around("upkeep", "audit"),
)
SWEEPS = (
    *around("upkeep", "condemn"),
    *around("storage", "list"),
    *around("storage", "delete"),
    *around("storage", "delete", nth=2),
    *around("upkeep", "purge"),
    *around("upkeep", "expired_uploads"),
    *around("upkeep", "forget_upload"),
    *around("upkeep", "ended_offers"),
    *around("upkeep", "end_offer"),
)


def claim(world: World) -> Run:
    """A run that has beaten once, and never will again."""
    claims = RedisClaims(Scripts(world.store), lease_ms=1)
    (run,) = claims.claim("io", "worker-1", run_ids=["run-1"]).runs
    claims.beat([Beat(run)])
    return run


def crash(world: World, point: Point, *, settings: Settings) -> None:
    keeper = world.start(crashing_parts.tick, settings, point)
    keeper.join(20)
    assert keeper.exitcode == crashing_parts.DIED, "the point was never reached"


@pytest.mark.parametrize("point", MENDS, ids=str)
def test_fault_01_a_round_of_mending_outlives_its_keeper(world: World, point: Point) -> None:
    lapsed = world.submit()
    claim(world)
    late, waiting = world.submit(lane="audio", start_by_s=0.001), world.submit(lane="video")
    settings = world.with_lease(timedelta(milliseconds=1))
    upkeep = build_upkeep(settings, Scripts(world.store))
    upkeep.reconcile(limit=1)  # a keeper ticked a moment ago, so that the next one's first tick begins no grace
    crash(world, point, settings=settings)
    wait_for(lambda: upkeep.reconcile(limit=1) == NOTHING and status_of(world.store, lapsed) == "queued")
    assert find_misplaced(world.store, [lapsed, late, waiting]) == []
    assert (status_of(world.store, late), crashes(world.store, lapsed)) == ("failed", 1)


@pytest.mark.parametrize("point", SWEEPS, ids=str)
def test_fault_01_a_round_of_sweeping_outlives_its_keeper(world: World, point: Point) -> None:
    ended, lives = world.submit(), world.submit(lane="audio")
    run = claim(world)
    for name in ("a", "b", "c"):
        world.storage.store(world.source, run.prefix + name, content_type="image/png")
    RedisClaims(Scripts(world.store), lease_ms=1).finish(run, Commit((), {}, {}, actual_s=0.1))
    upkeep = build_upkeep(world.settings, Scripts(world.store))
    upkeep.track_upload(world.picture.key)
    never_sent = f"projects/{world.project}/uploads/9/never.png"
    RedisUploadLog(Scripts(world.store)).reserve(never_sent, size_bytes=9, ends_in_s=0)
    crash(world, point, settings=with_retention_over(world.settings))
    world.sweep()
    assert (status_of(world.store, ended), status_of(world.store, lives)) == ("unknown", "queued")
    assert list(world.storage.list(f"projects/{world.project}/")) == []
    assert [world.store.zcard(f"orch:{left}") for left in ("uploads", "ended", "offers")] == [0, 0, 0]
    assert not world.store.hgetall(f"orch:usage:{world.project}")


def with_retention_over(settings: Settings) -> Settings:
    return settings.model_copy(update={"keeper": settings.keeper.model_copy(update={"retention": timedelta(0)})})
