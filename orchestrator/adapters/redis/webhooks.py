"""`Webhooks` over Redis, where secrets lie sealed."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from orchestrator.adapters.redis.connection import redis_errors
from orchestrator.adapters.redis.records import pairs
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.errors import Unavailable
from orchestrator.domain.webhook import (
    Endpoint,
    EndpointChange,
    EventType,
    Receiver,
    Secrets,
    TooManyWebhooks,
    WebhookNotFound,
)
from orchestrator.ports.webhooks import FoundEndpoint, Seal

TYPES = {kind.word: kind for kind in EventType}


class RedisWebhooks:
    """Implements `ports.webhooks.Webhooks`."""

    def __init__(self, scripts: Scripts, seal: Seal) -> None:
        self._scripts = scripts
        self._seal = seal

    def create(self, endpoint: Endpoint, secret: bytes, *, most: int) -> Endpoint:
        given = {
            "id": endpoint.id,
            "project": endpoint.project,
            "most": most,
            **_render_receiver(endpoint.receiver),
            "description": endpoint.description,
            "secret": self._seal.close(secret, owner=endpoint.id),
        }
        with redis_errors():
            outcome, *found = self._scripts.run("create_webhook", given)
        if outcome == "full":
            raise TooManyWebhooks
        return _parse(endpoint.id, pairs(found[1]), read_at_ms=found[0])

    def list(self, project: str) -> tuple[Endpoint, ...]:
        with redis_errors():
            read_at_ms, found = self._scripts.run("list_webhooks", {"project": project})
        endpoints = (_parse(endpoint_id, pairs(flat), read_at_ms=read_at_ms) for endpoint_id, flat in found)
        return tuple(sorted(endpoints, key=lambda endpoint: endpoint.id))

    def get(self, project: str, endpoint_id: str) -> Endpoint:
        read_at_ms, flat = self._run("get_webhook", {"id": endpoint_id, "project": project})
        return _parse(endpoint_id, flat, read_at_ms=read_at_ms)

    def unseal(self, project: str, endpoint_id: str) -> FoundEndpoint:
        read_at_ms, flat = self._run("get_webhook", {"id": endpoint_id, "project": project})
        endpoint = _parse(endpoint_id, flat, read_at_ms=read_at_ms)
        return FoundEndpoint(endpoint, self._opened(flat, endpoint_id, read_at_ms=read_at_ms), read_at_ms)

    def change(self, project: str, endpoint_id: str, *, change: EndpointChange) -> Endpoint:
        fields = {
            **(_render_receiver(change.receiver) if change.receiver else {}),
            "description": change.description,
            "disabled": change.disabled_reason,
        }
        given = {name: value for name, value in fields.items() if value is not None}
        read_at_ms, flat = self._run("change_webhook", {"id": endpoint_id, "project": project, **given})
        return _parse(endpoint_id, flat, read_at_ms=read_at_ms)

    def delete(self, project: str, endpoint_id: str) -> None:
        self._run("delete_webhook", {"id": endpoint_id, "project": project})

    def rotate(self, project: str, endpoint_id: str | None, *, secret: bytes, overlap_s: float) -> Secrets:
        owner = endpoint_id or project
        given = {"secret": self._seal.close(secret, owner=owner), "overlap_ms": int(overlap_s * 1000)}
        read_at_ms, flat = self._run("rotate_secret", {"id": endpoint_id or "", "project": project, **given})
        return self._opened(flat, owner, read_at_ms=read_at_ms)

    def own_secrets(self, project: str, *, otherwise: bytes) -> Secrets:
        sealed = self._seal.close(otherwise, owner=project)
        with redis_errors():
            read_at_ms, flat = self._scripts.run("own_secrets", {"project": project, "otherwise": sealed})
        return self._opened(pairs(flat), project, read_at_ms=read_at_ms)

    def _run(self, script: str, given: Mapping[str, object]) -> tuple[int, dict[str, str]]:
        with redis_errors():
            outcome, *found = self._scripts.run(script, given)
        if outcome == "unknown":
            raise WebhookNotFound
        read_at_ms, flat = found or (0, {})
        return read_at_ms, pairs(flat)

    def _opened(self, flat: Mapping[str, str], owner: str, *, read_at_ms: int) -> Secrets:
        newest, until_ms = self._seal.open(flat["secret"], owner=owner), _both_until_ms(flat, read_at_ms)
        if until_ms is not None:
            with suppress(Unavailable):  # sealed under a pepper that is gone, which is why it was rotated
                return Secrets(newest, self._seal.open(flat["before"], owner=owner), until_ms)
        return Secrets(newest)


def _render_receiver(receiver: Receiver) -> dict[str, str]:
    return {"url": receiver.url, "host": receiver.host, "events": " ".join(receiver.words)}


def _parse(endpoint_id: str, flat: Mapping[str, str], *, read_at_ms: int) -> Endpoint:
    return Endpoint(
        id=endpoint_id,
        project=flat["project"],
        receiver=Receiver(flat["url"], flat["host"], _parse_events(flat["events"].split())),
        description=flat["description"],
        disabled_reason=flat.get("disabled"),
        created_at_ms=int(flat["created_ms"]),
        two_secrets_until_ms=_both_until_ms(flat, read_at_ms),
    )


def _parse_events(words: Sequence[str]) -> tuple[EventType, ...]:
    """Types of a newer version mean nothing here."""
    return tuple(TYPES[word] for word in words if word in TYPES)


def _both_until_ms(flat: Mapping[str, Any], read_at_ms: int) -> int | None:
    """Until when the secret before the newest signs as well; None if it does no more."""
    until_ms = int(flat.get("before_until_ms", 0))
    return until_ms if until_ms > read_at_ms else None
