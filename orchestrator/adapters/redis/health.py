"""Is this Redis fit to keep the truth: durable, never evicting, writable. And the signs of life of our processes."""

from dataclasses import dataclass

from orchestrator.adapters.redis.client import RedisClient
from orchestrator.adapters.redis.connection import redis_errors
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.errors import Category, Refused

ALIVE_S = 10


class UnfitStore(Refused):
    """The task store is not set up to keep what it is given."""

    code = "unfit_store"


@dataclass(frozen=True, slots=True)
class RedisHealth:
    """Checks that answer by returning, and signs of life."""

    client: RedisClient
    require_durable: bool = True

    def check(self) -> None:
        """Return when the store is fit to accept tasks.

        Raises:
            UnfitStore: it may evict, is a cluster, has lost an AOF write, or is not as durable as the settings ask.
            Unavailable, Overloaded: it does not answer, or cannot write.
        """
        with redis_errors():
            persistence, memory = self.client.info("persistence"), self.client.info("memory")
            cluster = self.client.info("cluster")
            fsync = self.client.config_get("appendfsync").get("appendfsync")
        if memory["maxmemory_policy"] != "noeviction":
            raise _unfit("it may evict keys: set maxmemory-policy noeviction")
        if cluster.get("cluster_enabled"):
            raise _unfit("Redis Cluster is not supported")
        if self.require_durable and not (persistence["aof_enabled"] and fsync == "always"):
            raise _unfit("it can lose what it accepted: set appendonly yes and appendfsync always")
        if persistence["aof_enabled"] and persistence["aof_last_write_status"] != "ok":
            raise _unfit("its last write to disk failed")

    def sign(self, part: str, pid: int) -> None:
        """Leave a sign of life of ``part`` for ten seconds."""
        with redis_errors():
            Scripts(self.client).run("sign", {"part": part, "pid": pid, "alive_ms": ALIVE_S * 1000})


def _unfit(reason: str) -> UnfitStore:
    return UnfitStore(f"the task store is not fit: {reason}", service="redis", category=Category.INTERNAL)
