"""The API keys of the node. Every time here is that of the store's clock."""

from dataclasses import dataclass
from typing import Protocol

from orchestrator.domain.api_key import ApiKey, NewKey, Scope
from orchestrator.domain.project import Project


@dataclass(frozen=True, slots=True)
class LiveKey:
    """What it takes to check a key and to serve its holder; None of ``live_for_s`` is for ever."""

    project: Project
    scopes: frozenset[Scope]
    mac: str
    live_for_s: float | None


class ApiKeys(Protocol):
    """What is kept of each key: never its text."""

    def create(self, key: NewKey) -> ApiKey:
        """Record a new key, and its project with the defaults if there is none. All or nothing.

        Raises:
            TooManyKeys: the project has `LIVE_OF_ONE_NAME` live keys of that name.
        """
        ...

    def find(self, key_id: str) -> LiveKey | None:
        """The key, if it is live, with its project as it is now; in one round trip."""
        ...

    def list(self, project: str) -> tuple[ApiKey, ...]:
        """The keys of a project, oldest first, those that died in the last 30 days among them.

        Raises:
            ProjectNotFound: there is no such project.
        """
        ...

    def revoke(self, key_id: str) -> ApiKey:
        """End a key for ever. Again is harmless, and it works in a full store as well.

        Raises:
            KeyNotFound: there is none, or it died more than 30 days ago.
        """
        ...

    def touch(self, key_id: str) -> None:
        """Remember that the key is in use; written at most once a minute."""
        ...
