"""What followers of a task are told, on a real store whose messages get lost: `ports.feed`, sentence by sentence."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import servers
from feed_room import HALF, forget, hang_up, hear, hear_one, is_silent, listeners, play, progress, restart, say, start
from record_store import DONE, RecordStore, new_task, open_store

from orchestrator.adapters.redis.feed import HEARD_KEPT, RedisFeed
from orchestrator.adapters.redis.reels import TaskReel
from orchestrator.domain.task import Artifact, Progress
from orchestrator.ports.claims import Beat, Commit

START = (0, 0)


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        yield opened


class TestATask:
    def test_what_was_comes_before_what_is_each_once_and_in_order(self, store: RecordStore, redis_url: str) -> None:
        async def scene(feed: RedisFeed) -> None:
            run = start(store)
            async with feed.follow_task("film-a", "t", after=START) as following:
                assert await hear(following, 2) == ["queued", "running"]
                say(store, run, number=1)
                output = Artifact("a.png", "projects/film-a/…/a.png", "image/png", 3, "ab12")
                store.claims.finish(run, Commit((output,), {"ok": True}, {}, actual_s=1.0))
                assert await hear(following, 3) == ["log", "output", "succeeded"]
                assert await is_silent(following)

        play(redis_url, scene)

    def test_after_its_cursor_nothing_is_missed_or_told_again(self, store: RecordStore, redis_url: str) -> None:
        async def scene(feed: RedisFeed) -> None:
            run = start(store)
            async with feed.follow_task("film-a", "t", after=START) as following:
                assert (await hear_one(following)).cursor == "1-1"
            store.claims.release(run)
            async with feed.follow_task("film-a", "t", after=(1, 1)) as following:
                assert await hear(following, 2) == ["running", "queued"]
                assert await is_silent(following)

        play(redis_url, scene)

    def test_the_present_progress_is_told_and_then_each_new_one(self, store: RecordStore, redis_url: str) -> None:
        async def scene(feed: RedisFeed) -> None:
            run = start(store)
            store.claims.beat([Beat(run, Progress("infer", 0.25, 1, 4))])
            async with feed.follow_task("film-a", "t", after=(1, 2)) as following:
                told = await hear_one(following)
                assert (told.event.data["fraction"], told.cursor) == (0.25, None)
                store.pass_time(500)
                store.claims.beat([Beat(run, HALF)])
                assert (await hear_one(following)).event.data["fraction"] == 0.5
                assert await is_silent(following)

        play(redis_url, scene)

    def test_what_happens_while_nobody_listens_is_told_when_somebody_does(
        self, store: RecordStore, redis_url: str
    ) -> None:
        async def scene(feed: RedisFeed) -> None:
            run = start(store)
            async with feed.follow_task("film-a", "t", after=START) as following:
                assert await hear(following, 2) == ["queued", "running"]
                hang_up(redis_url)
                say(store, run, number=1)
                store.claims.finish(run, DONE)
                assert await hear(following, 2) == ["log", "succeeded"]
                assert await is_silent(following)

        play(redis_url, scene)

    def test_a_restart_of_the_store_loses_and_doubles_nothing(self, tmp_path: Path) -> None:
        async def scene(server: servers.Valkey, feed: RedisFeed) -> None:
            with open_store(server.url) as store:
                run = start(store)
                async with feed.follow_task("film-a", "t", after=START) as following:
                    assert await hear(following, 2) == ["queued", "running"]
                    say(store, run, number=1)
                    await asyncio.to_thread(restart, server)
                    say(store, run, number=2)
                    store.claims.finish(run, DONE)
                    assert await hear(following, 3) == ["log", "log", "succeeded"]
                    assert await is_silent(following)

        with servers.valkey(tmp_path) as server:
            play(server.url, lambda feed: scene(server, feed))

    def test_a_follower_who_does_not_ask_piles_up_little_and_misses_nothing(
        self, store: RecordStore, redis_url: str
    ) -> None:
        async def scene(feed: RedisFeed) -> None:
            run, lines = start(store), HEARD_KEPT + 40
            async with feed.follow_task("film-a", "t", after=START) as following:
                assert await hear(following, 2) == ["queued", "running"]
                for number in range(1, lines + 1):
                    say(store, run, number=number)
                    await asyncio.sleep(0)
                heard = [(await hear_one(following)).event.data["fields"]["number"] for _ in range(lines)]
                assert heard == list(range(1, lines + 1))
                assert await is_silent(following)

        play(redis_url, scene)

    def test_where_lines_are_gone_a_gap_is_told(self, store: RecordStore, redis_url: str) -> None:
        async def scene(feed: RedisFeed) -> None:
            run = start(store)
            async with feed.follow_task("film-a", "t", after=START) as following:
                assert await hear(following, 2) == ["queued", "running"]
                hang_up(redis_url)
                for number in range(1, 4):
                    say(store, run, number=number)
                store.intake.cancel("film-a", "t")
                forget(redis_url, "orch:events:t", keep=2)
                gap = await hear_one(following)
                assert (gap.event.type, gap.event.data, gap.cursor) == ("gap", {"status": "canceling"}, None)
                assert await hear(following, 2) == ["log", "canceling"]
                assert await is_silent(following)
            for after, wanted in (START, ["gap", "log", "canceling"]), ((1, 4), ["log", "canceling"]):
                async with feed.follow_task("film-a", "t", after=after) as following:
                    assert await hear(following, len(wanted)) == wanted
                assert [event.type for event in store.reads.events("t", after=after)] == wanted

        play(redis_url, scene)

    def test_all_followers_share_one_connection_and_leave_nothing_behind(
        self, store: RecordStore, redis_url: str
    ) -> None:
        async def scene(feed: RedisFeed) -> None:
            start(store)
            with redis.Redis.from_url(redis_url, decode_responses=True) as client:
                async with (
                    feed.follow_task("film-a", "t", after=START) as one,
                    feed.follow_task("film-a", "t", after=START) as two,
                    feed.follow_task("film-a", "t-2", after=START) as other,
                    feed.follow_project("film-a") as (_, all_of_them),
                ):
                    assert await hear(one, 2) == await hear(two, 2) == ["queued", "running"]
                    store.submit(new_task("t-2"))
                    assert await hear(other) == await hear(all_of_them) == ["queued"]
                    assert len(listeners(client)) == 1
                    assert client.pubsub_numpat() == 1
                await asyncio.sleep(0.05)
                assert client.pubsub_channels("orch:feed:*") == []
                assert client.pubsub_numpat() == 0

        play(redis_url, scene)


class TestOldMessages:
    """What was published before the stream was read, and is heard after."""

    def test_a_task_s_progress_never_comes_after_a_later_event(self) -> None:
        reel = TaskReel("film-a", "t", after=(1, 3))
        assert reel.play(progress(place="1-2", at_ms=9)) is None
        assert reel.play(progress(place="1-3", at_ms=9)) is not None
        assert reel.play(progress(place="1-3", at_ms=8)) is None, "nor goes back"
