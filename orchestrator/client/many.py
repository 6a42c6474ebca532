"""Many tasks at once, by a filter: cancel, retry, re-prioritise."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orchestrator.client.calls import Call, Caller

IDS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Filter:
    """Which tasks: all of these must fit, and one at least must be given, or ``all``.

    ``project`` is another one than the key's own (scope `projects:admin`).
    """

    status: str | None = None
    type: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    created_after: datetime | None = None
    created_before: datetime | None = None
    all: bool = False
    project: str | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """``matched`` tasks, the first of their ids, and how many are now what, or the code of what was in the way."""

    matched: int
    ids: tuple[str, ...]
    outcomes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Many:
    """`Client.many`: every method goes through all pages, and raises `ApiError` if the service refuses or is away.

    To repeat one that broke off is harmless: what was done already does not match any more.
    """

    caller: Caller

    def cancel(self, where: Filter, *, dry_run: bool = False) -> Changed:
        """End queued tasks, ask running ones to stop."""
        return self._change("cancel", {**_render(where), "dry_run": dry_run})

    def retry(self, where: Filter, *, dry_run: bool = False) -> Changed:
        """Queue failed and canceled tasks again."""
        return self._change("retry", {**_render(where), "dry_run": dry_run})

    def reprioritize(self, where: Filter, priority: str, *, dry_run: bool = False) -> Changed:
        """Give queued tasks another priority."""
        return self._change("reprioritize", {**_render(where), "dry_run": dry_run, "priority": priority})

    def _change(self, action: str, body: dict[str, Any]) -> Changed:
        matched, ids, outcomes = 0, list[str](), Counter[str]()
        while True:
            page = self.caller.send(Call("POST", f"/v1/tasks:{action}", body=body))
            matched += page["matched"]
            ids += page["ids"]
            outcomes.update(page["outcomes"])
            if page["next"] is None:
                return Changed(matched, tuple(ids[:IDS_SHOWN]), dict(outcomes))
            body["cursor"] = page["next"]


def _render(where: Filter) -> dict[str, Any]:
    wanted = {
        "status": where.status,
        "type": where.type,
        "label": [f"{name}:{value}" for name, value in where.labels.items()] or None,
        "created_after": where.created_after and where.created_after.isoformat(),
        "created_before": where.created_before and where.created_before.isoformat(),
        "all": where.all or None,
        "project": where.project,
    }
    return {name: value for name, value in wanted.items() if value is not None}
