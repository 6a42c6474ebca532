"""`EventFeed` over Redis: one subscription of this process hears for all followers, streams tell what it missed.

A message is lost with its connection, an entry of a stream is not. So whenever a channel is subscribed, at first or
again, its followers read their streams before they go on with what they hear (ADR 0029).
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from typing import Any

import structlog
from redis.exceptions import RedisError

from orchestrator.adapters.redis.client import AsyncRedis, Subscription
from orchestrator.adapters.redis.connection import connect_stream, redis_errors
from orchestrator.adapters.redis.reels import ProjectReel, Published, Reel, TaskReel, parse_published
from orchestrator.ports.feed import Following, Told

log = structlog.get_logger()

IDLE = "orch:feed"  # nobody publishes here: it keeps a subscription open that has no other channel
AGAIN_S = 0.5
HEARD_KEPT = 256


class Follower:
    """Implements `ports.feed.Following`. What is heard waits here; of more than a little the stream will tell."""

    def __init__(self, reel: Reel, client: AsyncRedis, is_listening: asyncio.Event) -> None:
        self.reel = reel
        self._client = client
        self._is_listening = is_listening
        self._is_behind = False
        self._heard: deque[Published] = deque()
        self._told: deque[Told] = deque()
        self._news = asyncio.Event()

    def hear(self, published: Published) -> None:
        if len(self._heard) < HEARD_KEPT:
            self._heard.append(published)
            self._news.set()
        else:
            self.fall_behind()

    def fall_behind(self) -> None:
        """Read the stream before anything else."""
        self._heard.clear()
        self._is_behind = True
        self._news.set()

    async def next(self, *, within_s: float) -> Told | None:
        try:
            async with asyncio.timeout(within_s):
                while not self._told:
                    await self._listen()
        except TimeoutError:
            return None
        return self._told.popleft()

    async def _listen(self) -> None:
        if self._is_behind:
            await self._catch_up()
        elif self._heard:
            told = self.reel.play(self._heard.popleft())
            if told is not None:
                self._told.append(told)
        else:
            self._news.clear()
            await self._news.wait()

    async def _catch_up(self) -> None:
        await self._is_listening.wait()
        self._is_behind = False
        try:
            self._told.extend(await self.reel.read(self._client))
        except (RedisError, OSError) as error:
            self._is_behind = True
            log.warning("feed.unread", error=str(error), kind=type(error).__name__)
            await asyncio.sleep(AGAIN_S)
        except asyncio.CancelledError:
            self._is_behind = True
            raise


class RedisFeed:
    """Implements `ports.feed.EventFeed`. Belongs to the event loop in which it is first used."""

    def __init__(self, url: str) -> None:
        self._client = connect_stream(url)
        self._followers: defaultdict[str, set[Follower]] = defaultdict(set)
        self._is_listening = asyncio.Event()
        self._subscription: Subscription | None = None
        self._listener: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def follow_task(self, project: str, task_id: str, *, after: tuple[int, int]) -> AsyncIterator[Following]:
        async with self._following(TaskReel(project, task_id, after=after)) as follower:
            yield follower

    @asynccontextmanager
    async def follow_project(self, project: str, *, after: str | None = None) -> AsyncIterator[tuple[str, Following]]:
        cursor = after or await self._end_of_story(project)
        async with self._following(ProjectReel(project, after=cursor)) as follower:
            yield cursor, follower

    async def close(self) -> None:
        if self._listener is not None:
            self._listener.cancel()
            with suppress(asyncio.CancelledError):
                await self._listener
        await self._client.aclose()

    async def _end_of_story(self, project: str) -> str:
        with redis_errors():
            entries = await self._client.xrevrange(f"orch:story:{project}", count=1)
        return entries[0][0] if entries else "0-0"

    @asynccontextmanager
    async def _following(self, reel: Reel) -> AsyncIterator[Follower]:
        if self._listener is None:
            # In a context of its own: it logs for nobody's request.
            self._listener = asyncio.create_task(self._listen_forever(), name="feed", context=Context())
        follower = Follower(reel, self._client, self._is_listening)
        is_first = not self._followers[reel.name]
        self._followers[reel.name].add(follower)
        try:
            if is_first:
                await self._subscribe(reel)
            else:
                follower.fall_behind()
            yield follower
        finally:
            self._followers[reel.name].discard(follower)
            if not self._followers[reel.name]:
                del self._followers[reel.name]
                await self._unsubscribe(reel)

    async def _subscribe(self, reel: Reel) -> None:
        """A connection that is not there, or breaks under it, is not our concern: the next one subscribes to all."""
        if self._subscription is not None:
            with suppress(RedisError, OSError):
                await (self._subscription.psubscribe if reel.is_pattern else self._subscription.subscribe)(reel.name)

    async def _unsubscribe(self, reel: Reel) -> None:
        if self._subscription is not None:
            with suppress(RedisError, OSError):
                leave = self._subscription.punsubscribe if reel.is_pattern else self._subscription.unsubscribe
                await leave(reel.name)

    async def _listen_forever(self) -> None:
        while True:
            try:
                await self._listen()
            except (RedisError, OSError) as error:
                log.warning("feed.lost", error=str(error), kind=type(error).__name__)
            except Exception:  # a bug here must not silence every stream of this process
                log.exception("feed.bug")
            await asyncio.sleep(AGAIN_S)

    async def _listen(self) -> None:
        """Subscribe to everything that is followed, and pass on what comes until the connection breaks."""
        subscription = self._client.pubsub()
        try:
            await subscription.subscribe(IDLE)
            self._subscription = subscription  # connected: who comes from now on subscribes by himself
            self._is_listening.set()
            for reel in [next(iter(followers)).reel for followers in self._followers.values()]:
                await self._subscribe(reel)
            while True:
                message = await subscription.get_message(timeout=None)
                if message is not None:
                    self._pass_on(message)
        finally:
            self._subscription = None
            self._is_listening.clear()
            await subscription.aclose()

    def _pass_on(self, message: Mapping[str, Any]) -> None:
        kind, channel = message["type"], message["channel"]
        followers = self._followers.get(message["pattern"] or channel, ())
        if kind in {"subscribe", "psubscribe"}:
            for follower in followers:
                follower.fall_behind()
        elif followers and kind in {"message", "pmessage"}:
            published = parse_published(channel, message["data"])
            for follower in followers:
                follower.hear(published)
