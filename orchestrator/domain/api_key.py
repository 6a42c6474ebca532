"""API keys: what one may do, how it is written, and what of it is kept."""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from orchestrator.domain.errors import Forbidden
from orchestrator.domain.project import Project


class Scope(StrEnum):
    """What a key may do. Those of `NODE_WIDE` reach beyond the key's own project."""

    TASKS_READ = "tasks:read"
    TASKS_WRITE = "tasks:write"
    MODELS_ADMIN = "models:admin"
    PROJECTS_ADMIN = "projects:admin"
    METRICS_READ = "metrics:read"


EVERY_SCOPE = frozenset(Scope)
NODE_WIDE = frozenset({Scope.MODELS_ADMIN, Scope.PROJECTS_ADMIN, Scope.METRICS_READ})
# Whoever may submit a task may look at it.
INCLUDED = {Scope.TASKS_WRITE: frozenset({Scope.TASKS_READ})}

LIVE_OF_ONE_NAME = 2  # the old one and the new one, while a rotation lasts
SECRET_BYTES = 24
KEY = re.compile(rf"orch_(key_[0-9a-hjkmnp-tv-z]{{26}})_[0-9a-f]{{{2 * SECRET_BYTES}}}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling, and what its key allows, with everything that a scope includes."""

    project: Project
    key_id: str
    scopes: frozenset[Scope]

    def require(self, scope: Scope) -> None:
        """Raise `Forbidden` unless the key has ``scope``."""
        if scope not in self.scopes:
            raise Forbidden(f"this API key lacks the scope {scope}")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to be made. ``mac`` is all that is kept of its text."""

    id: str
    project: str
    name: str
    scopes: frozenset[Scope]
    mac: str
    expires_in_s: float | None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as everybody may see it. Live is one that is neither revoked nor expired, by the store's clock."""

    id: str
    project: str
    name: str
    scopes: frozenset[Scope]
    is_live: bool
    created_at_ms: int
    expires_at_ms: int | None
    last_used_at_ms: int | None
    revoked_at_ms: int | None


def with_included(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """``scopes``, and those that they include."""
    given = frozenset(scopes)
    return given.union(*(INCLUDED.get(scope, frozenset()) for scope in given))


def render_key(key_id: str, secret: str) -> str:
    """The text of a key, which is shown once. ``secret`` is `SECRET_BYTES` of chance, in hexadecimal."""
    return f"orch_{key_id}_{secret}"


def parse_key_id(text: str) -> str | None:
    """The id in the text of a key; None if it is no such text."""
    found = KEY.fullmatch(text)
    return found[1] if found else None


@dataclass(frozen=True, slots=True)
class KeySecrets:
    """What the environment knows: the pepper, and the admin's key with its project, if there is one."""

    pepper: bytes = field(repr=False)
    admin_key: str = field(default="", repr=False)
    admin_project: str = "admin"

    def sign(self, text: str) -> str:
        """HMAC-SHA256 of a key's text. Without the pepper nobody can tell whether a text is the right one."""
        return hmac.digest(self.pepper, text.encode(), "sha256").hex()
