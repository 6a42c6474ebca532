"""Webhooks: whom a project wants told of what, and how a message is signed (Standard Webhooks 1.0)."""

import hmac
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from orchestrator.domain.delivery import WEBHOOK
from orchestrator.domain.errors import FieldError, InvalidParams, NotFound, RequestError
from orchestrator.domain.task import JsonObject
from orchestrator.domain.web_address import Reach, parse_web_address

SECRET_BYTES = 32  # the specification asks for 24 to 64


class EventType(StrEnum):
    """What a receiver can hear of. `PROGRESS` has to be asked for; the others are all told."""

    QUEUED = "task.queued"
    RUNNING = "task.running"
    SUCCEEDED = "task.succeeded"
    FAILED = "task.failed"
    CANCELED = "task.canceled"
    PROGRESS = "task.progress"

    @property
    def word(self) -> str:
        """As the store and the task's own story have it."""
        return self.removeprefix("task.")


USUAL_EVENTS = tuple(kind for kind in EventType if kind is not EventType.PROGRESS)


class WebhookNotFound(NotFound):
    """There is no such webhook endpoint."""

    code = "webhook_not_found"


class TooManyWebhooks(RequestError):
    """The project has as many webhook endpoints as it may."""

    code = "too_many_webhooks"


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where messages go, and which. ``host`` is that of the URL: what fails there fails for all who send to it."""

    url: str
    host: str
    events: tuple[EventType, ...] = USUAL_EVENTS

    @property
    def channel(self) -> str:
        """What its deliveries go through (`domain/delivery.py`)."""
        return f"{WEBHOOK}:{self.host}"

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(kind.word for kind in self.events)

    @property
    def record(self) -> JsonObject:
        """As the record of a task keeps it."""
        return {"url": self.url, "events": self.words, "channel": self.channel}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A receiver that a project has registered. While ``two_secrets_until_ms`` is ahead, messages bear two signatures;
    one with a ``disabled_reason`` is told nothing.
    """

    id: str
    project: str
    receiver: Receiver
    description: str = ""
    disabled_reason: str | None = None
    created_at_ms: int = 0
    two_secrets_until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class EndpointChange:
    """What becomes of an endpoint; None stays as it is. ``disabled_reason`` is empty for one that is enabled again."""

    receiver: Receiver | None = None
    description: str | None = None
    disabled_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Secrets:
    """What messages are signed with: the newest secret first, and the one before it while its time lasts."""

    newest: bytes = field(repr=False)
    before: bytes | None = field(default=None, repr=False)
    both_until_ms: int | None = None

    @property
    def valid(self) -> tuple[bytes, ...]:
        return (self.newest,) if self.before is None else (self.newest, self.before)


@dataclass(frozen=True, slots=True)
class GivenReceiver:
    """What a client has said of one. Without ``events`` it hears of the usual ones."""

    url: str
    events: tuple[EventType, ...] = ()

    @property
    def fingerprint(self) -> JsonObject:
        """Equal exactly for receivers that ask for the same thing."""
        return {"url": self.url, "events": sorted(set(self.events))}


def parse_receiver(given: GivenReceiver, *, reach: Reach, at: str = "") -> Receiver:
    """Read where a client wants what to be told; ``at`` is put before the names of fields that are at fault.

    Where a name leads is judged whenever a message is sent, here only what no look-up could change.

    Raises:
        InvalidParams: the URL is none that this node sends to.
    """
    name = f"{at}url"
    address = parse_web_address(given.url, name=name)
    if not reach.could_lead_to(address):
        rule = f"{'http or ' if reach.allows_http else ''}https to a public host, on the usual port"
        raise InvalidParams(f"{name} must be {rule}", fields=[FieldError(name, f"must be {rule}")])
    return Receiver(given.url, address.host, tuple(dict.fromkeys(given.events)) or USUAL_EVENTS)


def render_secret(secret: bytes) -> str:
    """The text of a secret, as libraries of Standard Webhooks take it."""
    return f"whsec_{b64encode(secret).decode()}"


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """The text of the newest secret, for whoever verifies; and until when the one before signs as well."""

    text: str = field(repr=False)
    both_until_ms: int | None = None

    @classmethod
    def show(cls, secrets: Secrets) -> Self:
        return cls(render_secret(secrets.newest), secrets.both_until_ms)


def sign(message_id: str, at_s: int, *, body: bytes, secrets: Iterable[bytes]) -> str:
    """The value of `webhook-signature`: one for each secret, so that a receiver with either is content."""
    signed = b".".join((message_id.encode(), str(at_s).encode(), body))
    return " ".join(f"v1,{b64encode(hmac.digest(secret, signed, 'sha256')).decode()}" for secret in secrets)
