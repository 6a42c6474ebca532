"""The cache before the bucket, if there is one that wants to be told what is removed."""

from orchestrator.adapters.cloudflare_cdn import CloudflareCdn
from orchestrator.adapters.redis.projects import RedisProjects
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.services.upkeep.purge_cached import PurgeCached
from orchestrator.services.upkeep.sweep import Purge, nothing_cached
from orchestrator.settings import Settings


def build_purge(settings: Settings, scripts: Scripts) -> Purge:
    if not settings.cdn.purge_url:
        return nothing_cached
    cdn = CloudflareCdn(settings.cdn.purge_url, settings.cdn.purge_token.get_secret_value())
    return PurgeCached(RedisProjects(scripts), cdn).purge
