"""Webhook endpoints of the key's project, and what signs the messages to them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orchestrator.client.calls import Call, Caller


@dataclass(frozen=True, slots=True)
class Webhook:
    """An endpoint, without its secret. Nothing is sent to one that is not enabled."""

    id: str
    url: str
    events: tuple[str, ...]
    description: str
    is_enabled: bool
    disabled_reason: str | None
    raw: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ping:
    """What a ping was answered."""

    is_ok: bool
    code: str
    detail: str
    raw: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """A new endpoint. Nobody can show its ``secret`` again."""

    webhook: Webhook
    secret: str = field(repr=False)
    ping: Ping


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """What messages are signed with; the one before as well, until then."""

    text: str = field(repr=False)
    both_until: datetime | None


@dataclass(frozen=True, slots=True)
class Webhooks:
    """`Client.webhooks`. Every method raises `ApiError` if the service refuses, or cannot be reached."""

    caller: Caller

    def create(self, url: str, *, events: Iterable[str] = (), description: str = "") -> NewWebhook:
        """Register an endpoint for ``events``, such as ``task.succeeded``, or for all but progress; it is pinged.

        Never repeated by itself: after a lost answer there may be an endpoint whose secret nobody knows. Delete it.
        """
        chosen = list(events)
        body = {"url": url, "description": description, **({"events": chosen} if chosen else {})}
        answer = self.caller.send(Call("POST", "/v1/webhooks", body=body, is_repeatable=False))
        return NewWebhook(parse_webhook(answer), answer["secret"], parse_ping(answer["ping"]))

    def list(self) -> tuple[Webhook, ...]:
        """The project's endpoints, oldest first."""
        return tuple(map(parse_webhook, self.caller.send(Call("GET", "/v1/webhooks"))["items"]))

    def get(self, webhook_id: str) -> Webhook:
        """One of them."""
        return parse_webhook(self.caller.send(Call("GET", f"/v1/webhooks/{webhook_id}")))

    def change(
        self,
        webhook_id: str,
        *,
        url: str | None = None,
        events: Iterable[str] | None = None,
        description: str | None = None,
        enabled: bool | None = None,
    ) -> Webhook:
        """Change what is not None."""
        chosen = None if events is None else list(events)
        wanted = {"url": url, "events": chosen, "description": description, "enabled": enabled}
        body = {name: value for name, value in wanted.items() if value is not None}
        return parse_webhook(self.caller.send(Call("PATCH", f"/v1/webhooks/{webhook_id}", body=body)))

    def delete(self, webhook_id: str) -> None:
        """Forget an endpoint; what it was still to be told is given up."""
        self.caller.send(Call("DELETE", f"/v1/webhooks/{webhook_id}"))

    def ping(self, webhook_id: str) -> Ping:
        """Send it a ping now."""
        return parse_ping(self.caller.send(Call("POST", f"/v1/webhooks/{webhook_id}:ping")))

    def rotate(self, webhook_id: str, *, overlap_s: float | None = None) -> SigningSecret:
        """A new secret for an endpoint. The old one signs beside it for ``overlap_s``, or as the node is configured.

        Never repeated by itself: after a lost answer there is a secret that nobody knows. Rotate once more.
        """
        return self._rotate(Call("POST", f"/v1/webhooks/{webhook_id}:rotate", _overlap(overlap_s), is_repeatable=False))

    def secret(self) -> SigningSecret:
        """What signs for the webhooks that tasks name (``Options.webhook``)."""
        return parse_secret(self.caller.send(Call("GET", "/v1/webhooks/secret")))

    def rotate_secret(self, *, overlap_s: float | None = None) -> SigningSecret:
        """A new one of these."""
        return self._rotate(Call("POST", "/v1/webhooks/secret:rotate", _overlap(overlap_s), is_repeatable=False))

    def _rotate(self, call: Call) -> SigningSecret:
        return parse_secret(self.caller.send(call))


def parse_webhook(body: Mapping[str, Any]) -> Webhook:
    return Webhook(
        id=body["id"],
        url=body["url"],
        events=tuple(body["events"]),
        description=body["description"],
        is_enabled=body["enabled"],
        disabled_reason=body["disabled_reason"],
        raw=body,
    )


def parse_ping(body: Mapping[str, Any]) -> Ping:
    return Ping(body["ok"], body["code"], body["detail"], raw=body)


def parse_secret(body: Mapping[str, Any]) -> SigningSecret:
    until = body["both_until"]
    return SigningSecret(body["secret"], None if until is None else datetime.fromisoformat(until))


def _overlap(overlap_s: float | None) -> dict[str, float]:
    return {} if overlap_s is None else {"overlap_s": overlap_s}
