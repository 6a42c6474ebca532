"""Deliveries: whom a task has told what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orchestrator.client.calls import Call, Caller


@dataclass(frozen=True, slots=True)
class LastAnswer:
    """What the destination said; ``code`` is `ok`, or says what failed."""

    at: datetime
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """``status`` is `pending`, `delivered` or `failed`; ``told_up_to`` the id of the last event that was taken."""

    destination: str
    kind: str
    status: str
    told_up_to: str
    tries: int
    next_try_at: datetime | None
    last_answer: LastAnswer | None
    raw: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Deliveries:
    """`Client.deliveries`. Every method raises `ApiError` if the service refuses, or cannot be reached."""

    caller: Caller

    def list(self, task_id: str) -> tuple[Delivery, ...]:
        """Those of a task, by destination."""
        return _parse(self.caller.send(Call("GET", f"/v1/tasks/{task_id}/deliveries")))

    def redeliver(self, task_id: str, *, destination: str | None = None) -> tuple[Delivery, ...]:
        """Try them again at once, or the one; what was told everything is told the last event again."""
        body = {"destination": destination} if destination else {}
        return _parse(self.caller.send(Call("POST", f"/v1/tasks/{task_id}/deliveries:redeliver", body=body)))


def _parse(body: Mapping[str, Any]) -> tuple[Delivery, ...]:
    return tuple(map(parse_delivery, body["items"]))


def parse_delivery(body: Mapping[str, Any]) -> Delivery:
    last, next_try_at = body["last_answer"], body["next_try_at"]
    return Delivery(
        destination=body["destination"],
        kind=body["kind"],
        status=body["status"],
        told_up_to=body["told_up_to"],
        tries=body["tries"],
        next_try_at=datetime.fromisoformat(next_try_at) if next_try_at else None,
        last_answer=LastAnswer(datetime.fromisoformat(last["at"]), last["code"], last["message"]) if last else None,
        raw=body,
    )
