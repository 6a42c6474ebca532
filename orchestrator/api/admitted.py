"""A stream lasts no longer than its key: while it goes on, the key is looked at again every second."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import structlog
from fastapi import Request

from orchestrator.api.deps import caller_of
from orchestrator.domain.errors import OrchestratorError, Unauthorized
from orchestrator.ports.feed import Following, Told

log = structlog.get_logger()

LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class WhileAdmitted:
    """A `Following` that raises `Unauthorized` when the key of its request has ended."""

    following: Following
    request: Request

    async def next(self, *, within_s: float) -> Told | None:
        clock = asyncio.get_running_loop()
        deadline_s = clock.time() + within_s
        while True:
            await self._require_key()
            left_s = deadline_s - clock.time()
            told = await self.following.next(within_s=min(left_s, LOOK_S))
            if told is not None or left_s <= LOOK_S:
                return told

    async def _require_key(self) -> None:
        try:
            await caller_of(self.request)
        except Unauthorized:
            raise
        except OrchestratorError as error:  # the store is away: it has nothing to tell either
            log.warning("stream.unsure", code=error.code)


async def until_dismissed(frames: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The frames, ended as if there were no more when the key has."""
    async with aclosing(frames):
        try:
            async for frame in frames:
                yield frame
        except Unauthorized:
            log.info("stream.dismissed")
