"""`Projects` over Redis: the records of projects, and between their hash and `domain.project`."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from orchestrator.adapters.redis.connection import redis_errors
from orchestrator.adapters.redis.records import pairs, render_json
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.content import OnDelete, Outputs
from orchestrator.domain.errors import ProjectExists, ProjectNotFound
from orchestrator.domain.project import Project
from orchestrator.ports.projects import Change, ProjectPage

KINDS: Mapping[str, Callable[[str], Any]] = {
    "weight": float,
    "max_running": int,
    "max_queued": int,
    "gpu_s_per_hour": float,
    "max_bytes": int,
    "requests_per_s": float,
    "burst": int,
    "pool": str,
    "cdn_url": str,
    "retention_s": int,
    "retention_succeeded_s": int,
    "retention_failed_s": int,
    "retention_canceled_s": int,
    "payload_collection": str,
    "payload_files": str,
    "payload_links": str,
    "payload_outputs": Outputs,
    "payload_on_delete": OnDelete,
    "payload_fields": json.loads,
    "paused": lambda _: True,
}
MOVED_AT_ONCE = 50


class RedisProjects:
    """Implements `ports.projects.Projects`."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def create(self, project: Project) -> Project:
        outcome, flat = self._create(project)
        if outcome == "exists":
            raise ProjectExists
        return parse_project(project.slug, flat)

    def ensure(self, slug: str) -> Project:
        _, flat = self._create(Project(slug))
        return parse_project(slug, flat)

    def get(self, slug: str) -> Project:
        with redis_errors():
            flat = pairs(self._scripts.run("get_project", {"slug": slug}))
        if "created_ms" not in flat:
            raise ProjectNotFound
        return parse_project(slug, flat)

    def list(self, *, limit: int, cursor: str | None = None) -> ProjectPage:
        with redis_errors():
            found = self._scripts.run("list_projects", {"after": cursor or "", "limit": limit})
        items = tuple(parse_project(slug, pairs(flat)) for slug, flat in found)
        return ProjectPage(items, items[-1].slug if len(items) == limit else None)

    def change(self, slug: str, changes: Mapping[str, Change]) -> Project:
        with redis_errors():
            outcome, *found = self._scripts.run("change_project", {"slug": slug, **_flat(changes)})
        if outcome == "unknown":
            raise ProjectNotFound
        if "pool" in changes:
            self._follow_pin(slug)
        return parse_project(slug, pairs(found[0]))

    def _follow_pin(self, slug: str) -> None:
        """In steps that no claim has to wait for. Submits go to the new lanes already, so this comes to an end."""
        cursor = ""
        while cursor != "0":
            with redis_errors():
                given = {"project": slug, "cursor": cursor or "0", "count": MOVED_AT_ONCE}
                cursor = self._scripts.run("follow_pin", given)

    def _create(self, project: Project) -> tuple[str, Mapping[str, str]]:
        usual, fields = Project(project.slug), {name: getattr(project, name) for name in KINDS}
        differing = {name: value for name, value in fields.items() if value != getattr(usual, name)}
        with redis_errors():
            outcome, flat = self._scripts.run("create_project", {"slug": project.slug, **_flat(differing)})
        return outcome, pairs(flat)


def parse_project(slug: str, flat: Mapping[str, str] | Sequence[str]) -> Project:
    """Read a record; fields that this version does not know are passed over."""
    found = pairs(flat)
    return Project(
        slug=slug,
        **{name: kind(found[name]) for name, kind in KINDS.items() if name in found},
        created_at_ms=int(found["created_ms"]) if "created_ms" in found else None,
    )


def _flat(fields: Mapping[str, Change]) -> dict[str, object]:
    return {name: _text(value) for name, value in fields.items()}


def _text(value: Change) -> object:
    if isinstance(value, Mapping):
        return render_json(value) if value else ""
    return "" if value is None else value
