"""Webhook endpoints of projects, the secrets that sign for them, and who carries a signed message."""

from dataclasses import dataclass
from typing import Protocol

from orchestrator.domain.webhook import Endpoint, EndpointChange, Secrets


@dataclass(frozen=True, slots=True)
class Message:
    """What a receiver is told: ``id`` is the same at every try, ``body`` is signed and sent byte by byte."""

    id: str
    body: bytes


class MessageSender(Protocol):
    """Carries messages to receivers that strangers have named; never to where only this node can reach."""

    def send(self, url: str, message: Message, *, secrets: Secrets) -> str:
        """Post the message, signed now with every valid secret, and return the answer in a few words.

        Whatever is not 2xx is a failure. Redirects are not followed, no credentials are sent, and little is read.

        Raises:
            Refused: the receiver is gone for good (410).
            Overloaded: it said when to come again.
            Unavailable: it answered anything else, too late, or cannot be reached.
        """
        ...


class Seal(Protocol):
    """Keeps secrets from whoever reads nothing but the store."""

    def close(self, secret: bytes, *, owner: str) -> str:
        """As it may be stored. It is opened for the same ``owner`` only."""
        ...

    def open(self, sealed: str, *, owner: str) -> bytes:
        """The secret.

        Raises:
            Unavailable: it was sealed under another key, or for another owner.
        """
        ...


@dataclass(frozen=True, slots=True)
class FoundEndpoint:
    """An endpoint with what signs for it, as both were at ``at_ms``."""

    endpoint: Endpoint
    secrets: Secrets
    at_ms: int


class Signing(Protocol):
    """What whoever sends must know of a project's endpoints.

    Raises:
        WebhookNotFound: there is no such endpoint, or it is another project's.
        Unavailable: what signs cannot be opened here.
    """

    def unseal(self, project: str, endpoint_id: str) -> FoundEndpoint:
        """An endpoint with its secrets, in one round trip; one before the newest that cannot be opened is left out."""
        ...

    def own_secrets(self, project: str, *, otherwise: bytes) -> Secrets:
        """What signs for the webhooks that the project's tasks name: ``otherwise``, from now on, if nothing did yet."""
        ...

    def change(self, project: str, endpoint_id: str, *, change: EndpointChange) -> Endpoint:
        """Change what is named, leave the rest."""
        ...


class Webhooks(Signing, Protocol):
    """The endpoints of projects. Every time here is that of the store's clock.

    What happens to a task finds the endpoints of its project that are enabled without asking here.
    """

    def create(self, endpoint: Endpoint, secret: bytes, *, most: int) -> Endpoint:
        """Record a new endpoint with its secret. The same id again is the same endpoint.

        Raises:
            TooManyWebhooks: the project has ``most`` of them.
        """
        ...

    def list(self, project: str) -> tuple[Endpoint, ...]:
        """Those of a project, oldest first."""
        ...

    def get(self, project: str, endpoint_id: str) -> Endpoint:
        """One of them.

        Raises:
            WebhookNotFound: there is none, or it is another project's. So wherever an endpoint is named.
        """
        ...

    def delete(self, project: str, endpoint_id: str) -> None:
        """Forget it, and its secrets with it. Works in a full store as well."""
        ...

    def rotate(self, project: str, endpoint_id: str | None, *, secret: bytes, overlap_s: float) -> Secrets:
        """Sign with ``secret`` from now on, and for ``overlap_s`` also with the one that did until now; the same secret
        again changes nothing. Without an endpoint it is the project's own, for the webhooks that its tasks name.

        Raises:
            Unavailable: what signs cannot be opened here.
        """
        ...
