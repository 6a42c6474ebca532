"""Who follows tasks on a real store: a feed in an event loop of its own, and what is done to its connections."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import redis
import servers
from record_store import RecordStore, new_task

from orchestrator.adapters.redis.feed import RedisFeed
from orchestrator.adapters.redis.reels import Published
from orchestrator.domain.log_line import LogLine, Said
from orchestrator.domain.task import Progress, Run
from orchestrator.ports.claims import Beat
from orchestrator.ports.feed import Following, Told

SOON_S = 10.0
HALF = Progress("infer", 0.5, 1, 2)


@asynccontextmanager
async def opened_feed(url: str) -> AsyncIterator[RedisFeed]:
    feed = RedisFeed(url)
    try:
        yield feed
    finally:
        await feed.close()


def play(url: str, scene: Callable[[RedisFeed], Awaitable[None]]) -> None:
    """The scene, in an event loop of its own."""

    async def played() -> None:
        async with opened_feed(url) as feed:
            await scene(feed)

    asyncio.run(played())


async def hear(following: Following, count: int = 1) -> list[str]:
    """The words of the next events."""
    return [(await hear_one(following)).event.type for _ in range(count)]


async def hear_one(following: Following) -> Told:
    told = await following.next(within_s=SOON_S)
    assert told is not None
    return told


async def is_silent(following: Following) -> bool:
    return await following.next(within_s=0.1) is None


def start(store: RecordStore, task_id: str = "t") -> Run:
    store.submit(new_task(task_id))
    return store.claim_one()


def say(store: RecordStore, run: Run, *, number: int) -> None:
    store.claims.beat([Beat(run, lines=[Said(number, 0.0, LogLine("frame.done", {"number": number}))])])


def progress(*, place: str, at_ms: int) -> Published:
    return Published("t", place, "", "progress", at_ms, '{"fraction":0.5}')


def forget(url: str, stream: str, *, keep: int) -> None:
    """As if so much had happened since that the stream has lost all but the latest entries."""
    with redis.Redis.from_url(url) as client:
        client.xtrim(stream, maxlen=keep, approximate=False)


def listeners(client: redis.Redis) -> list[dict[str, str]]:
    found: list[dict[str, str]] = client.client_list(_type="pubsub")
    return found


def hang_up(url: str) -> None:
    """Break every connection that listens."""
    with redis.Redis.from_url(url, decode_responses=True) as client:
        for listener in listeners(client):
            client.client_kill_filter(_id=listener["id"])


def restart(server: servers.Valkey) -> None:
    server.kill()
    server.start()
