"""API keys, for whoever may make them (scope `projects:admin`)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orchestrator.client.calls import Call, Caller


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key, without its text. Live is one that is neither revoked nor expired."""

    id: str
    project: str
    name: str
    scopes: tuple[str, ...]
    is_live: bool
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    raw: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A new key. Nobody can show its ``text`` again."""

    key: ApiKey
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Keys:
    """`Client.keys`. Every method raises `ApiError` if the service refuses, or cannot be reached."""

    caller: Caller

    def create(
        self, project: str, scopes: Iterable[str], *, name: str | None = None, expires_in_s: float | None = None
    ) -> NewApiKey:
        """Make a key, and its project if there is none.

        Never repeated by itself: after a lost answer there may be a key that nobody knows. List and revoke it.
        """
        wanted = {"project": project, "scopes": list(scopes), "name": name, "expires_in_s": expires_in_s}
        body = {field: value for field, value in wanted.items() if value is not None}
        answer = self.caller.send(Call("POST", "/v1/keys", body=body, is_repeatable=False))
        return NewApiKey(parse_key(answer), answer["key"])

    def list(self, project: str) -> tuple[ApiKey, ...]:
        """The keys of a project, oldest first."""
        answer = self.caller.send(Call("GET", "/v1/keys", query={"project": project}))
        return tuple(map(parse_key, answer["items"]))

    def revoke(self, key_id: str) -> ApiKey:
        """End a key for ever; it takes effect within five seconds."""
        return parse_key(self.caller.send(Call("DELETE", f"/v1/keys/{key_id}")))


def parse_key(body: Mapping[str, Any]) -> ApiKey:
    return ApiKey(
        id=body["id"],
        project=body["project"],
        name=body["name"],
        scopes=tuple(body["scopes"]),
        is_live=body["live"],
        created_at=datetime.fromisoformat(body["created_at"]),
        expires_at=_time(body["expires_at"]),
        last_used_at=_time(body["last_used_at"]),
        raw=body,
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
