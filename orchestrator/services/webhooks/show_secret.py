"""Show the secret that signs for the webhooks that a project's tasks name."""

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.domain.project import Project
from orchestrator.domain.webhook import SigningSecret
from orchestrator.ports.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class ShowSecret:
    """It is made when somebody first asks, or when the first message is signed."""

    webhooks: Webhooks
    new_secret: Callable[[], bytes]

    def show(self, project: Project) -> SigningSecret:
        """The project's own secret."""
        return SigningSecret.show(self.webhooks.own_secrets(project.slug, otherwise=self.new_secret()))
