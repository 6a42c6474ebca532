"""`ServedModels` over Redis: one string a model, which `lua/following.lua` reads."""

from dataclasses import dataclass

from orchestrator.adapters.redis.client import RedisClient
from orchestrator.adapters.redis.connection import redis_errors


@dataclass(frozen=True, slots=True)
class RedisServed:
    """Implements `ports.inference.ServedModels`."""

    client: RedisClient

    def note(self, model: str, versions: str) -> None:
        with redis_errors():
            self.client.set(f"orch:served:{model}", versions)
