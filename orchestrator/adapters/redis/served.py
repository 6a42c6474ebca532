"""`ServedModels` over Redis: one string a model, which `lua/following.lua` reads."""

from dataclasses import dataclass

from orchestrator.adapters.redis.client import RedisClient
from orchestrator.adapters.redis.connection import redis_errors


@dataclass(frozen=True, slots=True)
class RedisServed:
    """Implements `ports.inference.ServedModels`."""

    client: RedisClient

    def note(self, model: str, versions: str) -> None:
        """Written only when it differs: each write waits for the disk, and this comes with a run every few seconds."""
        key = f"orch:served:{model}"
        with redis_errors():
            if self.client.get(key) != versions:
                self.client.set(key, versions)
