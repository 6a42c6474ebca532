"""What followers of a whole project are told, on a real store: `ports.feed`, sentence by sentence."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
from feed_room import HALF, forget, hear, hear_one, is_silent, play, progress, say, start
from record_store import DONE, RecordStore, new_task, open_store

from orchestrator.adapters.redis.feed import RedisFeed
from orchestrator.adapters.redis.reels import ProjectReel
from orchestrator.adapters.redis.stories import parse_position
from orchestrator.domain.errors import Unavailable
from orchestrator.ports.claims import Beat


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        yield opened


class TestAProject:
    def test_changes_of_status_of_all_its_tasks_and_of_no_others(self, store: RecordStore, redis_url: str) -> None:
        async def scene(feed: RedisFeed) -> None:
            store.submit(new_task("before"))
            async with feed.follow_project("film-a") as (cursor, following):
                store.submit(new_task("t-1"), new_task("b", project="film-b"), new_task("t-2"))
                told = [await hear_one(following) for _ in range(2)]
                assert [(each.task_id, each.event.type) for each in told] == [("t-1", "queued"), ("t-2", "queued")]
                assert await is_silent(following)
            store.intake.cancel("film-a", "t-1")
            for after, wanted in (cursor, ["queued", "queued", "canceled"]), (told[1].cursor, ["canceled"]):
                async with feed.follow_project("film-a", after=after) as (_, following):
                    assert await hear(following, len(wanted)) == wanted
                    assert await is_silent(following)
            assert [told.event.type for told in store.reads.story("film-a")] == ["queued"] * 3 + ["canceled"]

        play(redis_url, scene)

    def test_progress_is_told_live(self, store: RecordStore, redis_url: str) -> None:
        async def scene(feed: RedisFeed) -> None:
            run = start(store)
            async with feed.follow_project("film-a") as (_, following):
                store.submit(new_task("t-2"))
                assert await hear(following) == ["queued"]
                store.claims.beat([Beat(run, HALF)])
                say(store, run, number=1)  # of which the story of a project says nothing
                store.claims.finish(run, DONE)
                assert await hear(following, 2) == ["progress", "succeeded"]
                assert await is_silent(following)

        play(redis_url, scene)

    def test_where_changes_are_gone_a_gap_is_told(self, store: RecordStore, redis_url: str) -> None:
        async def scene(feed: RedisFeed) -> None:
            store.submit(new_task("t-1"), new_task("t-2"), new_task("t-3"), new_task("t-4"))
            cursors = [told.cursor for told in store.reads.story("film-a")]
            forget(redis_url, "orch:story:film-a", keep=2)
            for after, wanted in (cursors[0], ["gap", "t-3", "t-4"]), (cursors[2], ["t-4"]), ("0-0", ["gap", "t-3"]):
                async with feed.follow_project("film-a", after=after) as (_, following):
                    told = [await hear_one(following) for _ in wanted]
                assert [each.task_id or each.event.type for each in told] == wanted
                assert {each.cursor for each in told if not each.task_id} <= {None}
                position = parse_position(after or "")
                assert [each.event.type for each in store.reads.story("film-a", after=position)][:1] == [
                    "gap" if wanted[0] == "gap" else "queued"
                ]

        play(redis_url, scene)

    def test_who_comes_back_after_the_story_is_forgotten_is_told(self, store: RecordStore, redis_url: str) -> None:
        async def scene(feed: RedisFeed) -> None:
            async with feed.follow_project("film-a") as (cursor, _):
                assert cursor == "0-0"
            store.submit(new_task("t-1"))
            async with feed.follow_project("film-a", after=cursor) as (_, following):
                first = await hear_one(following)
                assert first.event.type == "queued"
            forget(redis_url, "orch:story:film-a", keep=0)
            async with feed.follow_project("film-a", after=first.cursor) as (_, following):
                assert await hear(following) == ["gap"]
                store.submit(new_task("t-2"))
                assert await hear(following) == ["queued"]
                assert await is_silent(following)

        play(redis_url, scene)

    def test_it_says_so_when_the_store_is_away(self, tmp_path: Path) -> None:
        with servers.valkey(tmp_path) as server:
            url = server.url

        async def scene(feed: RedisFeed) -> None:
            with pytest.raises(Unavailable):
                async with feed.follow_project("film-a"):
                    pass

        play(url, scene)

    def test_its_story_is_forgotten_with_its_last_task(self, store: RecordStore) -> None:
        for task_id in ("t-1", "t-2"):
            store.submit(new_task(task_id))
            store.intake.cancel("film-a", task_id)
        store.pass_time(3_600_000)
        store.upkeep.condemn(limit=10)
        store.upkeep.purge("t-1")
        assert store.reads.story("film-a")
        store.upkeep.purge("t-2")
        assert not store.reads.story("film-a")

    def test_old_progress_never_comes_after_a_later_event(self, store: RecordStore, redis_url: str) -> None:
        async def scene(feed: RedisFeed) -> None:
            store.claims.finish(start(store), DONE)
            reel = ProjectReel("film-a", after="0-0")
            assert [told.event.type for told in await reel.read(feed._client)] == ["queued", "running", "succeeded"]
            assert reel.play(progress(place="1-2", at_ms=9)) is None

        play(redis_url, scene)
