"""The streams of a process: how many, what fills their silence, and who is left."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack

import pytest
from starlette.types import Message

from orchestrator.api.event_stream import HEARTBEAT, EventStream, OpenStreams
from orchestrator.api.event_views import frames_of_project
from orchestrator.domain.errors import Overloaded
from orchestrator.ports.feed import Told


def test_places_are_counted() -> None:
    streams = OpenStreams(2)
    with streams.place("a"):
        with pytest.raises(Overloaded), streams.place("a"):
            pass
        with streams.place("b"), pytest.raises(Overloaded), streams.place("c"):
            pass
    with streams.place("c"):
        pass


def test_silence_is_filled_with_heartbeats() -> None:
    class Silence:
        async def next(self, *, within_s: float) -> Told | None:
            assert within_s == 15
            return None

    async def scene() -> list[bytes]:
        frames = frames_of_project(Silence(), "7-0")
        return [await anext(frames) for _ in range(3)]

    assert asyncio.run(scene()) == [b"id: 7-0\nretry: 1000\n\n", HEARTBEAT, HEARTBEAT]


def test_a_client_that_reads_nothing_is_left() -> None:
    async def frames() -> AsyncGenerator[bytes, None]:
        while True:
            yield HEARTBEAT

    async def scene() -> list[str]:
        left: list[str] = []
        held = AsyncExitStack()
        held.callback(left.append, "left")
        forever = asyncio.Event()

        async def receive() -> Message:
            await forever.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.body":
                await forever.wait()

        await EventStream(frames(), held, unread_s=0.01)({"type": "http"}, receive, send)
        return left

    assert asyncio.run(scene()) == ["left"]
