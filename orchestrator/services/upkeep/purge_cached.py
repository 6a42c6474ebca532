"""Purge: make the CDN forget what is about to be removed from the bucket."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.domain.errors import ProjectNotFound
from orchestrator.ports.cdn import Cdn
from orchestrator.ports.projects import Projects


@dataclass(frozen=True, slots=True)
class PurgeCached:
    """A part of the sweep."""

    projects: Projects
    cdn: Cdn

    def purge(self, project: str, keys: Sequence[str]) -> None:
        """Forget the objects of a project under its public URL, if it has one.

        Raises:
            Unavailable, Refused: as `Cdn.purge`.
        """
        try:
            cdn_url = self.projects.get(project).cdn_url
        except ProjectNotFound:
            return
        if keys and cdn_url:
            self.cdn.purge([f"{cdn_url.rstrip('/')}/{key}" for key in keys])
