"""The rate limit around every request that has a key: it is charged, and the answer says what is left."""

import math
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.domain.api_key import Caller
from orchestrator.domain.overload import RateLimited
from orchestrator.services.projects.admit import READ_COST, WRITE_COST, Allowance

READS = frozenset({"GET", "HEAD"})
ALLOWANCE = "allowance"


async def charge(request: Request, caller: Caller, *, cost: int | None = None) -> None:
    """Let the request pass, or raise `RateLimited`. It waits for the store only when nothing is known here."""
    admit = request.app.state.parts.admit
    if cost is None:
        cost = READ_COST if request.method in READS else WRITE_COST
    allowance: Allowance | None = admit.recall(caller, cost) or await run_in_threadpool(admit.ask, caller, cost)
    setattr(request.state, ALLOWANCE, allowance)
    if allowance and allowance.retry_after_s is not None:
        raise RateLimited(
            "too many requests; Retry-After says when to come again", retry_after_s=allowance.retry_after_s
        )


class RateLimitHeaders:
    """Tells of the tighter of both limits, in three plain numbers (draft-ietf-httpapi-ratelimit-headers-06)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_limits(message: Message) -> None:
            allowance = state.get(ALLOWANCE)
            if message["type"] == "http.response.start" and allowance:
                message["headers"] = [
                    *message["headers"],
                    (b"ratelimit-limit", b"%d" % allowance.limit),
                    (b"ratelimit-remaining", b"%d" % allowance.remaining),
                    (b"ratelimit-reset", b"%d" % math.ceil(allowance.reset_s)),
                ]
            await send(message)

        state: dict[str, Any] = scope.setdefault("state", {})
        await self.app(scope, receive, send_with_limits)
