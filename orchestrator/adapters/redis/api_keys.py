"""`ApiKeys` over Redis."""

from collections.abc import Mapping

from orchestrator.adapters.redis.connection import redis_errors
from orchestrator.adapters.redis.projects import parse_project
from orchestrator.adapters.redis.records import pairs
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.api_key import LIVE_OF_ONE_NAME, ApiKey, NewKey, Scope
from orchestrator.domain.errors import KeyNotFound, ProjectNotFound, TooManyKeys
from orchestrator.ports.api_keys import LiveKey

KEPT_MS = 30 * 86_400_000
TOUCH_EVERY_MS = 60_000


class RedisApiKeys:
    """Implements `ports.api_keys.ApiKeys`."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def create(self, key: NewKey) -> ApiKey:
        with redis_errors():
            outcome, *found = self._scripts.run("create_key", _render(key))
        if outcome == "full":
            raise TooManyKeys
        return _parse(key.id, pairs(found[1]), read_at_ms=found[0])

    def find(self, key_id: str) -> LiveKey | None:
        with redis_errors():
            found = self._scripts.run("find_key", {"id": key_id})
        if not found:
            return None
        flat, project, left_ms = pairs(found[0]), found[1], found[2]
        return LiveKey(
            project=parse_project(flat["project"], project),
            scopes=_parse_scopes(flat["scopes"]),
            mac=flat["mac"],
            live_for_s=None if left_ms < 0 else left_ms / 1000,
        )

    def list(self, project: str) -> tuple[ApiKey, ...]:
        with redis_errors():
            outcome, *found = self._scripts.run("list_keys", {"project": project})
        if outcome == "unknown":
            raise ProjectNotFound
        read_at_ms, keys = found
        return tuple(
            sorted((_parse(name, pairs(flat), read_at_ms=read_at_ms) for name, flat in keys), key=lambda key: key.id)
        )

    def revoke(self, key_id: str) -> ApiKey:
        with redis_errors():
            outcome, *found = self._scripts.run("revoke_key", {"id": key_id, "kept_ms": KEPT_MS})
        if outcome == "unknown":
            raise KeyNotFound
        return _parse(key_id, pairs(found[1]), read_at_ms=found[0])

    def touch(self, key_id: str) -> None:
        with redis_errors():
            self._scripts.run("touch_key", {"id": key_id, "every_ms": TOUCH_EVERY_MS})


def _render(key: NewKey) -> dict[str, object]:
    return {
        "id": key.id,
        "project": key.project,
        "name": key.name,
        "scopes": " ".join(sorted(key.scopes)),
        "mac": key.mac,
        "expires_in_ms": "" if key.expires_in_s is None else int(key.expires_in_s * 1000),
        "most": LIVE_OF_ONE_NAME,
        "kept_ms": KEPT_MS,
    }


def _parse(key_id: str, flat: Mapping[str, str], *, read_at_ms: int) -> ApiKey:
    def time(field: str) -> int | None:
        return int(flat[field]) if field in flat else None

    expires_at_ms, revoked_at_ms = time("expires_ms"), time("revoked_ms")
    return ApiKey(
        id=key_id,
        project=flat["project"],
        name=flat["name"],
        scopes=_parse_scopes(flat["scopes"]),
        is_live=revoked_at_ms is None and (expires_at_ms is None or expires_at_ms > read_at_ms),
        created_at_ms=int(flat["created_ms"]),
        expires_at_ms=expires_at_ms,
        last_used_at_ms=time("last_used_ms"),
        revoked_at_ms=revoked_at_ms,
    )


def _parse_scopes(text: str) -> frozenset[Scope]:
    """Scopes of a newer version mean nothing here."""
    return frozenset(Scope(word) for word in text.split() if word in set(Scope))
