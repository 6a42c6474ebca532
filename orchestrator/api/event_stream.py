"""Server-sent events on the wire: frames, a response that ends with its client, and how many may be open at once.

The format is that of the HTML standard, section 9.2 "Server-sent events".
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing, contextmanager
from typing import Any

import structlog
from fastapi.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from orchestrator.domain.errors import Overloaded

log = structlog.get_logger()

EVENT_STREAM = "text/event-stream"
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}  # no proxy may keep an event back
HEARTBEAT_S = 15.0
HEARTBEAT = b": still here\n\n"
UNREAD_S = 30.0
COME_BACK_MS = 1000


def render_frame(event: str, data: Mapping[str, Any], *, cursor: str | None) -> bytes:
    """One event. JSON in ASCII has no line breaks."""
    place = f"id: {cursor}\n" if cursor else ""
    return f"{place}event: {event}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode("ascii")


def render_opening(cursor: str | None = None) -> bytes:
    """What every stream begins with: how soon to come back, and from where. It is no event: it has no data."""
    place = f"id: {cursor}\n" if cursor else ""
    return f"{place}retry: {COME_BACK_MS}\n\n".encode("ascii")


class EventStream(StreamingResponse):
    """Sends frames until they end or the client leaves; then it lets go of what was ``held`` for it.

    A client that has read nothing for half a minute is left: what it does not read must not pile up here.
    """

    media_type = EVENT_STREAM

    def __init__(
        self, frames: AsyncGenerator[bytes, None], held: AsyncExitStack, *, unread_s: float = UNREAD_S
    ) -> None:
        super().__init__(frames, headers=HEADERS)
        self._frames = frames
        self._held = held
        self._unread_s = unread_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._held, aclosing(self._frames):
            await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(self._unread_s):
                await send(message)

        try:
            await super().stream_response(send_in_time)
        except TimeoutError:
            log.info("stream.unread")


class OpenStreams:
    """Counts the streams of this process. One project gets at most half of the places."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._open: Counter[str] = Counter()

    @property
    def count(self) -> int:
        return self._open.total()

    @contextmanager
    def place(self, project: str) -> Iterator[None]:
        """A place for one stream.

        Raises:
            Overloaded: there is none left.
        """
        if self.count >= self._places or self._open[project] >= max(1, self._places // 2):
            raise Overloaded("too many streams are open here", retry_after_s=5, code="too_many_streams")
        self._open[project] += 1
        try:
            yield
        finally:
            self._open[project] -= 1
            self._open += Counter()  # forgets who has none
