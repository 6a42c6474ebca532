"""What webhooks need, from the settings."""

from orchestrator.domain.web_address import Reach
from orchestrator.settings import Settings


def build_webhook_reach(settings: Settings) -> Reach:
    return Reach(allows_http=settings.webhooks.allow_http, private_networks=settings.webhooks.private_networks)
