"""Register an endpoint: its secret leaves this service once, and it is pinged."""

from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.domain.delivery import Answer
from orchestrator.domain.errors import FieldError, InvalidParams
from orchestrator.domain.project import Project
from orchestrator.domain.web_address import Reach
from orchestrator.domain.webhook import Endpoint, GivenReceiver, Secrets, parse_receiver, render_secret
from orchestrator.ports.webhooks import FoundEndpoint, Webhooks

REFUSED = "address_refused"


@dataclass(frozen=True, slots=True)
class RegisteredWebhook:
    """A new endpoint, the text of its secret for the only time, and what the ping was answered."""

    endpoint: Endpoint
    secret: str = field(repr=False)
    ping: Answer


@dataclass(frozen=True, slots=True)
class RegisterWebhook:
    """A project may have ``most`` endpoints."""

    webhooks: Webhooks
    ping: Callable[[FoundEndpoint], Answer]
    new_id: Callable[[str], str]
    new_secret: Callable[[], bytes]
    reach: Reach
    most: int

    def register(self, project: Project, given: GivenReceiver, *, description: str = "") -> RegisteredWebhook:
        """Record the endpoint and ping it. One that fails the ping stays: receivers are often deployed afterwards.

        Raises:
            InvalidParams: its URL leads where this node does not go.
            TooManyWebhooks: the project has as many as it may.
        """
        receiver, secret = parse_receiver(given, reach=self.reach), self.new_secret()
        new = Endpoint(self.new_id("whk"), project.slug, receiver, description)
        made = self.webhooks.create(new, secret, most=self.most)
        ping = self.ping(FoundEndpoint(made, Secrets(secret), made.created_at_ms))
        if ping.code == REFUSED:
            self.webhooks.delete(project.slug, made.id)
            raise InvalidParams(f"url: {ping.message}", fields=[FieldError("url", ping.message)])
        return RegisteredWebhook(made, render_secret(secret), ping)
