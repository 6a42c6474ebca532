"""Other people's web servers over httpcore, guarded where it connects: files come, webhooks go."""

from orchestrator.adapters.web.fetcher import HttpFetcher, Pace
from orchestrator.adapters.web.webhook_post import WebhookPost

__all__ = ["HttpFetcher", "Pace", "WebhookPost"]
