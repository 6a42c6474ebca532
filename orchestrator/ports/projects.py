"""The projects of the node."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from orchestrator.domain.project import Project

Change = str | int | float | Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class ProjectPage:
    """Projects in the order of their slugs, and the cursor of the next page (None at the end)."""

    items: tuple[Project, ...]
    next: str | None


class Projects(Protocol):
    """Their records. Tasks read them as they are at that moment: a change needs no restart."""

    def create(self, project: Project) -> Project:
        """Record a new project.

        Raises:
            ProjectExists: there is one of that slug.
        """
        ...

    def ensure(self, slug: str) -> Project:
        """The project, made with the defaults if there is none. Works in a full store as well."""
        ...

    def get(self, slug: str) -> Project:
        """The record.

        Raises:
            ProjectNotFound: there is none.
        """
        ...

    def list(self, *, limit: int, cursor: str | None = None) -> ProjectPage:
        """Every project; ``cursor`` is the slug that the page before ended with."""
        ...

    def change(self, slug: str, changes: Mapping[str, Change]) -> Project:
        """Set fields of the record; None puts one back to its default. The others stay.

        With another ``pool`` the project's waiting tasks are in that pool's lanes when this returns. If it breaks off,
        claims and audit move the rest, or the same call again.

        Raises:
            ProjectNotFound: there is none.
        """
        ...
