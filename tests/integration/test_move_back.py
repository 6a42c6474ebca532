"""A task that succeeded while the store was away: its files come back to it, and no link breaks meanwhile."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakes_breakers import FakeBreakers
from fakes_storage import MemoryStorage
from record_store import RecordStore, new_task, open_store
from run_room import HandClock, RunRoom
from still_web import StillWeb

from orchestrator.adapters.redis.displaced import RedisDisplaced
from orchestrator.adapters.zstd import Zstd
from orchestrator.domain.breaker import R2, Outcome, Permit
from orchestrator.domain.errors import Category, Unavailable
from orchestrator.domain.stored_result import MOST_INLINE_BYTES, StoredResult, find_stored
from orchestrator.domain.task import Artifact, Status
from orchestrator.ports.claims import Commit
from orchestrator.services.upkeep.move_back import MoveBack

LINK_S = 3_600.0
AWAY = Unavailable("away", service="storage", category=Category.STORAGE)


class Outage:
    """A worker and a keeper with two stores; the first one is away."""

    def __init__(self, store: RecordStore, folder: Path) -> None:
        self.clock = HandClock()
        self.breakers = FakeBreakers(self.clock)
        self.first, self.second = MemoryStorage(), MemoryStorage()
        self.room = RunRoom(
            store,
            folder / "scratch",
            storage=self.first,
            web=StillWeb(),
            clock=self.clock,
            breakers=self.breakers,
            fallback=self.second,
        )
        self.displaced = RedisDisplaced(store.scripts)
        self.duty = MoveBack(self.displaced, self.first, self.second, self.breakers, Zstd(), folder / "moves", LINK_S)
        self.breakers.report(Permit(R2), Outcome.DENIED)

    def run(self) -> None:
        self.room.submit(type="image.upscale", model="realesrgan_x4", input={"url": "https://example.org/still.png"})
        self.room.execute()
        assert self.room.task.status is Status.SUCCEEDED

    def end(self) -> None:
        self.clock.now_s += 5
        self.breakers.report(self.breakers.allow(R2), Outcome.WELL)

    def pass_time(self, seconds: float) -> None:
        self.room.store.pass_time(int(seconds * 1000))

    @property
    def outputs(self) -> tuple[Artifact, ...]:
        return self.room.task.outputs

    @property
    def stores(self) -> set[str]:
        return {artifact.store for artifact in self.outputs}

    @property
    def keys(self) -> list[str]:
        return sorted(artifact.key for artifact in self.outputs)


@pytest.fixture
def outage(redis_url: str, tmp_path: Path) -> Iterator[Outage]:
    with open_store(redis_url) as store:
        store.tick(30)
        yield Outage(store, tmp_path)


def test_it_succeeds_meanwhile_and_says_where_its_files_are(outage: Outage) -> None:
    outage.run()
    assert (outage.stores, sorted(outage.second.objects)) == ({"fallback"}, outage.keys)
    assert not outage.first.objects


def test_nothing_is_moved_as_long_as_the_store_is_away(outage: Outage) -> None:
    outage.run()
    outage.duty.tick()
    assert (outage.stores, list(outage.first.objects)) == ({"fallback"}, [])


def test_when_it_is_back_everything_comes_back_to_its_own_key(outage: Outage) -> None:
    outage.run()
    before = outage.outputs
    outage.end()
    outage.duty.tick()
    assert outage.outputs == tuple(replace(artifact, store="") for artifact in before)
    for artifact in outage.outputs:
        content, content_type = outage.first.objects[artifact.key]
        assert (hashlib.sha256(content).hexdigest(), content_type) == (artifact.sha256, artifact.content_type)
    assert outage.displaced.due(limit=10) == ()


def test_the_old_copy_goes_after_twice_the_longest_link(outage: Outage) -> None:
    outage.run()
    outage.end()
    outage.duty.tick()
    outage.pass_time(2 * LINK_S - 1)
    outage.duty.tick()
    assert sorted(outage.second.objects) == outage.keys
    outage.pass_time(1)
    outage.duty.tick()
    assert not outage.second.objects
    assert outage.displaced.left_over(limit=10) == ()
    assert sorted(outage.first.objects) == outage.keys


def test_a_damaged_copy_is_never_recorded_and_keeps_nobody(outage: Outage) -> None:
    outage.run()
    key = outage.keys[0]
    outage.second.objects[key] = (b"damaged", "image/png")
    outage.end()
    outage.duty.tick()
    assert outage.stores == {"fallback"}
    assert outage.displaced.due(limit=10) == (), "it has stepped back"
    outage.pass_time(60)
    assert len(outage.displaced.due(limit=10)) == 1


def test_a_store_that_fails_again_moves_nothing_and_another_time_all(outage: Outage) -> None:
    outage.run()
    outage.end()
    outage.first.failure = AWAY
    outage.duty.tick()
    assert outage.stores == {"fallback"}
    outage.first.failure = None
    outage.pass_time(60)
    outage.duty.tick()
    assert outage.stores == {""}


class TestLargeResults:
    @pytest.fixture
    def large(self, outage: Outage) -> StoredResult:
        outage.room.submit(params={"size_bytes": MOST_INLINE_BYTES, "answer": True})
        outage.room.execute()
        return self.recorded(outage)

    def recorded(self, outage: Outage) -> StoredResult:
        stored = find_stored(outage.room.task.result)
        assert stored
        return stored

    def test_one_says_where_it_is_and_comes_back_like_a_file(self, outage: Outage, large: StoredResult) -> None:
        assert large.store == "fallback"
        before = dict(outage.second.objects)
        outage.end()
        outage.duty.tick()
        assert self.recorded(outage) == replace(large, store="")
        assert outage.first.objects == before
        outage.pass_time(2 * LINK_S)
        outage.duty.tick()
        assert not outage.second.objects

    def test_one_whose_task_stored_the_rest_at_home_is_not_forgotten(self, outage: Outage) -> None:
        outage.room.submit()
        here = Artifact("a.txt", "a", "text/plain", 1, "")
        large = StoredResult("f" * 64, 20_000, 2_000, "b", "fallback")
        outage.room.store.claims.finish(outage.room.store.claim_one(), Commit((here,), large.render(), {}, 1.0))
        assert [displaced.keys for displaced in outage.displaced.due(limit=10)] == [("b",)]

    @pytest.mark.parametrize("copy", [b"damaged", Zstd().compress(b"of another task")])
    def test_a_damaged_one_is_never_recorded(self, outage: Outage, large: StoredResult, copy: bytes) -> None:
        outage.second.objects[large.key] = (copy, "application/zstd")
        outage.end()
        outage.duty.tick()
        assert self.recorded(outage) == large
        assert large.key not in outage.first.objects


def test_what_was_recorded_meanwhile_is_not_written_over(outage: Outage) -> None:
    outage.run()
    (displaced,) = outage.displaced.due(limit=10)
    outage.room.store.client.eval("redis.call('HSET', 'orch:task:t', 'outputs', '[]')", 0)
    assert not outage.displaced.move(displaced, replace(displaced, outputs=()), left_s=1)
    assert outage.outputs == ()
    assert outage.displaced.due(limit=10) == ()


def test_a_task_that_is_gone_leaves_nothing_behind(outage: Outage) -> None:
    outage.run()
    store = outage.room.store
    store.intake.delete("film-a", "t")
    store.upkeep.condemn(limit=10)
    store.pass_time(86_400_001)
    store.upkeep.condemn(limit=10)
    store.upkeep.purge("t")
    assert outage.displaced.due(limit=10) == ()


def test_what_has_its_input_in_the_store_waits_without_a_run_or_an_event(outage: Outage) -> None:
    store, still = outage.room.store, {"object": "projects/film-a/uploads/1/still.png", "etag": "1"}
    store.submit(replace(new_task("t"), type="image.upscale", model="realesrgan_x4", input=still))
    store.client.eval("redis.call('HSET', 'orch:breakers', 'r2', '1 2 1 failing none 0 ')", 0)
    before = store.reads.events("t")
    assert not store.claim().runs
    assert (outage.room.task.status, outage.room.task.epoch) == (Status.QUEUED, 0)
    assert store.reads.events("t") == before
    store.client.eval("redis.call('DEL', 'orch:breakers')", 0)
    store.tick(11)
    assert [run.task.id for run in store.claim().runs] == ["t"]
