"""`LaneWorkers` over Redis."""

from dataclasses import dataclass

from orchestrator.adapters.redis.connection import redis_errors
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.ports.lane_workers import NoWorker


@dataclass(frozen=True, slots=True)
class RedisLaneWorkers:
    """Implements `ports.lane_workers.LaneWorkers` of a node with these ``lanes``, pools aside."""

    scripts: Scripts
    lanes: tuple[str, ...]

    def serve(self, lane: str) -> bool:
        with redis_errors():
            return self.scripts.client.get(f"orch:alive:worker-{lane}") is not None

    def check(self) -> None:
        with redis_errors():
            pools, lanes = self.scripts.run("unserved", {"lanes": " ".join(self.lanes)})
        missing = [f"pool {pool} has no worker" for pool in sorted(pools)]
        missing += [f"lane {lane} has tasks and no worker" for lane in sorted(lanes)]
        if missing:
            raise NoWorker("; ".join(missing))
