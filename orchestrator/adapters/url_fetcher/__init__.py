"""Files by URL over httpcore, guarded where it connects."""

from orchestrator.adapters.url_fetcher.fetcher import HttpFetcher, Pace

__all__ = ["HttpFetcher", "Pace"]
