"""A stream lasts as long as the key that opened it, and no outage of the store ends it."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from key_room import KEY_ID, TEXT, Room
from record_store import open_store
from starlette.applications import Starlette
from starlette.requests import Request

from orchestrator.api.admitted import WhileAdmitted, until_dismissed
from orchestrator.domain.errors import Unauthorized

PROMISE_S = 5.0


@pytest.fixture
def room(redis_url: str) -> Iterator[Room]:
    with open_store(redis_url) as store:
        yield Room(store)


@dataclass
class Silence:
    """A feed that has nothing to tell, and whose waiting takes the room's time."""

    room: Room

    async def next(self, *, within_s: float) -> None:
        self.room.pass_time(within_s)


def test_an_open_stream_ends_with_its_key_and_not_before(room: Room) -> None:
    scope: dict[str, Any] = {
        "type": "http",
        "headers": [(b"authorization", f"Bearer {TEXT}".encode())],
        "app": Starlette(),
    }
    scope["app"].state.parts = SimpleNamespace(authenticate=room.door)
    following = WhileAdmitted(Silence(room), Request(scope))

    async def scene() -> float:
        for _ in range(30):
            assert await following.next(within_s=0.5) is None
            room.catch_up()
        room.keys.is_away = True
        room.pass_time(60)
        assert await following.next(within_s=0.5) is None, "an outage ends no stream"
        room.keys.is_away = False
        assert await following.next(within_s=0.5) is None
        room.keys.revoke(KEY_ID)
        revoked_s = room.clock.now_s
        with contextlib.suppress(Unauthorized):
            while room.clock.now_s < revoked_s + 60:
                await following.next(within_s=0.5)
        return room.clock.now_s - revoked_s

    with structlog.testing.capture_logs():
        assert asyncio.run(scene()) <= PROMISE_S


def test_a_stream_whose_key_has_ended_ends_like_any_other() -> None:
    async def frames() -> AsyncGenerator[bytes, None]:
        yield b"event"
        raise Unauthorized

    async def scene() -> list[bytes]:
        return [frame async for frame in until_dismissed(frames())]

    with structlog.testing.capture_logs():
        assert asyncio.run(scene()) == [b"event"]
