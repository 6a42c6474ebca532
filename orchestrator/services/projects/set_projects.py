"""Set projects: only to what this node can do, and it holds at once where it was set."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from orchestrator.domain.errors import InvalidParams
from orchestrator.domain.project import Project
from orchestrator.ports.projects import Change, ProjectPage, Projects


@dataclass(frozen=True, slots=True)
class SetProjects:
    """`Projects`. ``has_content`` says that this node knows a CMS; ``changed`` hears of each that was made or changed.

    `create` and `change` raise `InvalidParams` without one: tasks to be shown there would wait for ever to be told.
    """

    projects: Projects
    changed: Callable[[str], None]
    has_content: bool

    def create(self, project: Project) -> Project:
        self._require_content(project.payload_collection)
        made = self.projects.create(project)
        self.changed(made.slug)
        return made

    def ensure(self, slug: str) -> Project:
        return self.projects.ensure(slug)

    def get(self, slug: str) -> Project:
        return self.projects.get(slug)

    def list(self, *, limit: int, cursor: str | None = None) -> ProjectPage:
        return self.projects.list(limit=limit, cursor=cursor)

    def change(self, slug: str, changes: Mapping[str, Change]) -> Project:
        self._require_content(changes.get("payload_collection"))
        changed = self.projects.change(slug, changes)
        self.changed(slug)
        return changed

    def _require_content(self, collection: object) -> None:
        if collection is not None and not self.has_content:
            raise InvalidParams("payload_collection: this node knows no PayloadCMS (ORCH_PAYLOAD__URL is not set)")
