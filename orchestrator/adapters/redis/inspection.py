"""`Inspection` over Redis: plain reads, and scripts that the server itself keeps from writing (``no-writes``)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.adapters.redis.connection import redis_errors
from orchestrator.adapters.redis.pauses import RedisPauses
from orchestrator.adapters.redis.records import pairs, render_limit
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.redis.upkeep import parse_load
from orchestrator.domain.limits import UNLIMITED, Quotas
from orchestrator.domain.pause import Pause
from orchestrator.domain.task import SCHEMA_VERSION
from orchestrator.ports.inspection import DutyHolder, Lease, Look, Occupancy, PlaceCount, ProjectUse, StoreFacts, Turn
from orchestrator.ports.upkeep import Find, LaneLoad

LOOKS_A_STEP = 50


@dataclass(frozen=True, slots=True)
class RedisInspection:
    """Implements `ports.inspection.Inspection`."""

    scripts: Scripts
    lease_ms: int
    quotas: Quotas = UNLIMITED

    def facts(self) -> StoreFacts:
        client = self.scripts.client
        with redis_errors():
            server, memory, persistence = (client.info(section) for section in ("server", "memory", "persistence"))
            fsync, keys = client.config_get("appendfsync"), client.dbsize()
        return StoreFacts(
            version=str(server.get("valkey_version", server["redis_version"])),
            uptime_s=server["uptime_in_seconds"],
            keys=keys,
            used_bytes=memory["used_memory"],
            max_bytes=memory["maxmemory"],
            eviction=memory["maxmemory_policy"],
            has_aof=bool(persistence["aof_enabled"]),
            fsync=fsync.get("appendfsync", ""),
        )

    def load(self) -> tuple[LaneLoad, ...]:
        with redis_errors():
            lanes, _, _ = self.scripts.run("load", {})
        return tuple(map(parse_load, lanes))

    def occupancy(self, *, limit: int) -> Occupancy:
        given = {name: render_limit(most) for name, most in asdict(self.quotas).items()}
        with redis_errors():
            places, turns, leases, uses = self.scripts.run("inspect", {"limit": limit, **given})
        return Occupancy(
            places=tuple(PlaceCount(*place) for place in places),
            turns=tuple(Turn(lane, _tags(flat)) for lane, flat in sorted(turns)),
            leases=tuple(Lease(task_id, owner, left_ms / 1000) for task_id, owner, left_ms in leases),
            uses=tuple(_parse_use(use) for use in sorted(uses)),
        )

    def paused(self) -> tuple[Pause, ...]:
        return RedisPauses(self.scripts).list()

    def holders(self, duties: tuple[str, ...]) -> tuple[DutyHolder, ...]:
        with redis_errors():
            return tuple(self._holder(duty) for duty in duties)

    def living_nodes(self, nodes: frozenset[str]) -> frozenset[str]:
        with redis_errors():
            return frozenset(node for node in nodes if self.scripts.client.get(f"orch:alive:node:{node}"))

    def look(self, *, limit: int) -> Look:
        state, looked, is_whole = "", 0, False
        finds: list[Find] = []
        schemas: Counter[str] = Counter()
        given = {"limit": LOOKS_A_STEP, "lease_ms": self.lease_ms, "schema": SCHEMA_VERSION}
        with redis_errors():
            while not is_whole and looked < limit:
                step, is_whole, found, state, tally = self.scripts.run("audit_look", {"state": state, **given})
                looked += step
                finds += (Find(*find) for find in found)
                schemas.update({schema: int(count) for schema, count in pairs(tally).items()})
        return Look(looked, bool(is_whole), tuple(dict.fromkeys(finds)), dict(schemas))

    def _holder(self, duty: str) -> DutyHolder:
        key = f"orch:duty:{duty}"
        return DutyHolder(duty, self.scripts.client.get(key) or "", max(0, self.scripts.client.pttl(key)) / 1000)


def _parse_use(found: Sequence[Any]) -> ProjectUse:
    project, running, queued, gpu_s, stored_bytes, quotas, at_quota_in = found
    limits = Quotas(*(float(most) if most else None for most in quotas))  # type: ignore[arg-type]  # whole ones stay so
    return ProjectUse(project, running, queued, float(gpu_s), stored_bytes, limits, tuple(sorted(at_quota_in)))


def _tags(flat: list[str]) -> tuple[tuple[str, float], ...]:
    return tuple((project, float(tag)) for project, tag in pairs(flat).items())
