"""Change an endpoint: where it is, what it hears of, whether it is told anything."""

from dataclasses import dataclass

from orchestrator.domain.project import Project
from orchestrator.domain.web_address import Reach
from orchestrator.domain.webhook import Endpoint, EndpointChange, EventType, GivenReceiver, parse_receiver
from orchestrator.ports.webhooks import Webhooks

REASONS = {True: "", False: "by its project"}


@dataclass(frozen=True, slots=True)
class WantedChange:
    """What is None stays."""

    url: str | None = None
    events: tuple[EventType, ...] | None = None
    description: str | None = None
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class ChangeWebhook:
    """What was on its way keeps its id and its order, and goes to the new URL."""

    webhooks: Webhooks
    reach: Reach

    def change(self, project: Project, endpoint_id: str, *, wanted: WantedChange) -> Endpoint:
        """Change what is wanted.

        Raises:
            WebhookNotFound: there is no such endpoint, or it is another project's.
            InvalidParams: the new URL leads where this node does not go.
        """
        now = self.webhooks.get(project.slug, endpoint_id).receiver
        given = GivenReceiver(wanted.url or now.url, wanted.events or now.events)
        receiver = parse_receiver(given, reach=self.reach) if wanted.url or wanted.events else None
        change = EndpointChange(
            receiver, wanted.description, None if wanted.enabled is None else REASONS[wanted.enabled]
        )
        return self.webhooks.change(project.slug, endpoint_id, change=change)
