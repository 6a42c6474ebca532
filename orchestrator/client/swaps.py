"""Swaps: another release of a model takes the place of the one that serves (scope `models:admin`)."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orchestrator.client.calls import Call, Caller

SETTLED = frozenset({"done", "draining", "unloading", "verified", "rolled_back", "refused"})
WELL = frozenset({"done", "draining", "unloading", "verified"})
LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Swap:
    """``old`` gives way to ``new``; ``weights`` is the share of each of the runs that begin now.

    ``fault`` and ``reason`` say why it was refused or rolled back.
    """

    id: str
    model: str
    old: str
    new: str
    step: str
    weights: Mapping[str, int]
    fault: str | None
    reason: str | None
    figures: Mapping[str, float]
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def is_settled(self) -> bool:
        """Whether it is decided which release serves."""
        return self.step in SETTLED

    @property
    def has_succeeded(self) -> bool:
        """Whether the new one does."""
        return self.step in WELL


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One thing that was done; ``by`` is the id of an API key, or `keeper`."""

    at: datetime
    swap_id: str
    old: str
    new: str
    step: str
    by: str
    reason: str | None
    fault: str | None
    raw: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Swaps:
    """`Client.models.swaps`. Every method raises `ApiError` if the service refuses, or cannot be reached."""

    caller: Caller

    def begin(self, model: str, version: int, *, canary: int = 100, watch_s: float | None = None) -> Swap:
        """Let ``<model>@<version>`` serve (0: the model's own folder), ``canary`` percent of the runs at first."""
        body = {"version": version, "canary": canary, "watch_s": watch_s}
        return parse_swap(self.caller.send(Call("POST", f"/v1/models/{model}:swap", body=body, is_repeatable=False)))

    def roll_back(self, model: str) -> Swap:
        """Let the release before serve again."""
        return parse_swap(self.caller.send(Call("POST", f"/v1/models/{model}:rollback", is_repeatable=False)))

    def get(self, model: str) -> Swap:
        """The last one."""
        return parse_swap(self.caller.send(Call("GET", f"/v1/models/{model}/swap")))

    def follow(self, model: str, *, sleep: Callable[[float], None] = time.sleep) -> Iterator[Swap]:
        """The last one, again and again until it is settled."""
        while True:
            swap = self.get(model)
            yield swap
            if swap.is_settled:
                return
            sleep(LOOK_EVERY_S)

    def audit(self, model: str, *, limit: int = 100) -> tuple[AuditLine, ...]:
        """What was done with the model's releases, the latest first."""
        found = self.caller.send(Call("GET", f"/v1/models/{model}/audit", query={"limit": limit}))
        return tuple(map(parse_audit_line, found["items"]))


def parse_swap(body: Mapping[str, Any]) -> Swap:
    names = ("id", "model", "old", "new", "step", "weights", "fault", "reason", "figures")
    return Swap(**{name: body[name] for name in names}, raw=body)


def parse_audit_line(body: Mapping[str, Any]) -> AuditLine:
    names = ("old", "new", "step", "by", "reason", "fault")
    return AuditLine(
        at=datetime.fromisoformat(body["at"]), swap_id=body["swap"], raw=body, **{name: body[name] for name in names}
    )
