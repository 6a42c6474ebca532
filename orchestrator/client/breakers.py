"""Breakers: which services that the node depends on are away. For operators (scope `projects:admin`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestrator.client.calls import Call, Caller


@dataclass(frozen=True, slots=True)
class Breaker:
    """``dependency`` is away since then, for ``reason`` (`failing` or `denied`), and is asked again at ``retry_at``."""

    dependency: str
    state: str
    reason: str
    since: datetime
    retry_at: datetime
    openings: int
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Breakers:
    """`Client.breakers`. Every method raises `ApiError` if the service refuses, or cannot be reached."""

    caller: Caller

    def list(self) -> tuple[Breaker, ...]:
        """Everything that is away."""
        return tuple(map(parse_breaker, self.caller.send(Call("GET", "/v1/breakers"))["items"]))


def parse_breaker(body: Mapping[str, Any]) -> Breaker:
    return Breaker(
        dependency=body["dependency"],
        state=body["state"],
        reason=body["reason"],
        since=datetime.fromisoformat(body["since"]),
        retry_at=datetime.fromisoformat(body["retry_at"]),
        openings=body["openings"],
        raw=body,
    )
