"""Three projects of a load test: their keys, and what each of them waited and got, as the node's own records say."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from statistics import median, quantiles
from typing import Any

import httpx

QUIET, FLOODED = "before the flood", "beside the flood"
KEY_LIVES_S = 86_400
HEAD = """
| project | submitted | tasks | begun | wait p50 | p95 | longest | time of runs | share |
|---|---|---|---|---|---|---|---|---|"""


@dataclass(frozen=True, slots=True)
class Key:
    """A key that was made for this load alone."""

    id: str
    text: str


class Office:
    """What an operator does: makes keys and takes them back."""

    def __init__(self, host: str, admin_key: str) -> None:
        self._host = host
        self._admin = self._client(admin_key)

    def open(self, project: str, **quotas: int) -> Key:
        """A key of the project, which is made if it is new."""
        asked = {"project": project, "scopes": ["tasks:write"], "expires_in_s": KEY_LIVES_S}
        made = self._admin.post("/v1/keys", json={**asked, "name": f"load {secrets.token_hex(4)}"})
        if quotas:
            self._admin.patch(f"/v1/projects/{project}", json=quotas).raise_for_status()
        found = made.raise_for_status().json()
        return Key(found["id"], found["key"])

    def close(self, key: Key) -> None:
        """Cancel what still waits, and end the key."""
        with self._client(key.text) as tenant:
            asked: dict[str, Any] = {"status": "queued"}
            while asked:
                page = tenant.post("/v1/tasks:cancel", json=asked).raise_for_status().json()
                asked = {**asked, "cursor": page["next"]} if page["next"] else {}
        self._admin.delete(f"/v1/keys/{key.id}").raise_for_status()

    def tasks(self, key: Key, *, since: datetime) -> Iterator[Mapping[str, Any]]:
        """Every task that the project has submitted since."""
        asked = {"created_after": since.isoformat(), "limit": "100"}
        with self._client(key.text) as tenant:
            while asked:
                page = tenant.get("/v1/tasks", params=asked).raise_for_status().json()
                yield from page["items"]
                asked = {**asked, "cursor": page["next"]} if page["next"] else {}

    def _client(self, key: str) -> httpx.Client:
        return httpx.Client(base_url=self._host, headers={"Authorization": f"Bearer {key}"}, timeout=30)


@dataclass(frozen=True, slots=True)
class Spell:
    """One task: in which phase it was submitted, how long it waited and ran; None where it has not begun or ended."""

    phase: str
    wait_s: float | None
    run_s: float | None


def parse_spell(task: Mapping[str, Any], *, flood_at: datetime) -> Spell:
    created = datetime.fromisoformat(task["created_at"])
    started, ended = (datetime.fromisoformat(task[name]) if task[name] else None for name in ("started_at", "ended_at"))
    wait_s = (started - created) / timedelta(seconds=1) if started else None
    run_s = (ended - started) / timedelta(seconds=1) if started and ended else None
    return Spell(FLOODED if created >= flood_at else QUIET, wait_s, run_s)


def render_table(found: Mapping[str, Sequence[Spell]]) -> str:
    """Markdown: a row for each project and phase; shares are of the time that all runs of the phase took together."""
    rows = {
        (phase, project): list(spells)
        for project, all_spells in found.items()
        for phase, spells in groupby(sorted(all_spells, key=lambda spell: spell.phase), lambda spell: spell.phase)
    }
    lines = [HEAD]
    for phase, project in sorted(rows, key=lambda row: (row[0] != QUIET, row[1])):
        whole_s = sum(_run_s(rows[row]) for row in rows if row[0] == phase)
        lines.append(_render_row(project, phase, spells=rows[phase, project], whole_s=whole_s))
    return "\n".join(lines)


def _render_row(project: str, phase: str, *, spells: Sequence[Spell], whole_s: float) -> str:
    waits = [spell.wait_s for spell in spells if spell.wait_s is not None] or [0.0]
    p95 = quantiles(waits, n=20)[18] if len(waits) > 1 else waits[0]
    begun, run_s = sum(spell.wait_s is not None for spell in spells), _run_s(spells)
    cells = (
        *(project, phase, len(spells), begun),
        *(f"{wait_s:.2f} s" for wait_s in (median(waits), p95, max(waits))),
        *(f"{run_s:.0f} s", f"{run_s / whole_s:.0%}" if whole_s else "–"),
    )
    return f"| {' | '.join(map(str, cells))} |"


def _run_s(spells: Sequence[Spell]) -> float:
    return sum(spell.run_s or 0.0 for spell in spells)
