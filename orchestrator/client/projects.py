"""Projects, for whoever may change them (scope `projects:admin`)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.client.calls import Call, Caller

Limit = float | str | Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Project:
    """A project. ``limits`` holds what it may use, and how its tasks are shown in PayloadCMS, by the names of the API;
    None is no limit.

    Pinned to a ``pool``, its tasks go to that one's workers alone.
    """

    slug: str
    weight: float
    pool: str | None
    limits: Mapping[str, Any]
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Projects:
    """`Client.projects`. Every method raises `ApiError` if the service refuses, or cannot be reached."""

    caller: Caller

    def create(self, slug: str, **limits: Limit) -> Project:
        """Make a project; ``limits`` are `weight`, `payload_collection` and so on. Never repeated by itself."""
        body = {"slug": slug, **limits}
        return parse_project(self.caller.send(Call("POST", "/v1/projects", body=body, is_repeatable=False)))

    def list(self) -> Iterator[Project]:
        """Every project; pages are fetched as the iteration reaches them."""
        query: dict[str, Any] = {}
        while True:
            page = self.caller.send(Call("GET", "/v1/projects", query=query))
            yield from map(parse_project, page["items"])
            if page["next"] is None:
                return
            query["cursor"] = page["next"]

    def get(self, slug: str) -> Project:
        return parse_project(self.caller.send(Call("GET", f"/v1/projects/{slug}")))

    def change(self, slug: str, **limits: Limit) -> Project:
        """Set limits; None puts one back to its default, the others stay."""
        return parse_project(self.caller.send(Call("PATCH", f"/v1/projects/{slug}", body=limits)))


def parse_project(body: Mapping[str, Any]) -> Project:
    about = {"slug", "weight", "created_at", "paused", "pool"}
    limits = {name: value for name, value in body.items() if name not in about}
    return Project(slug=body["slug"], weight=body["weight"], pool=body["pool"], limits=limits, raw=body)
