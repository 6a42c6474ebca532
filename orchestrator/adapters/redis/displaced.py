"""`DisplacedTasks` over Redis: two indexes, and a compare-and-set of a record's outputs (`lua/move_back.lua`)."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from orchestrator.adapters.redis.connection import redis_errors
from orchestrator.adapters.redis.records import parse_artifacts, render_json
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.stored_result import find_stored
from orchestrator.ports.displaced import Displaced

DISPLACED, LEFT_OVER = "orch:displaced", "orch:left_over"


@dataclass(frozen=True, slots=True)
class RedisDisplaced:
    """Implements `ports.displaced.DisplacedTasks`."""

    scripts: Scripts

    def due(self, *, limit: int) -> tuple[Displaced, ...]:
        with redis_errors():
            found = self.scripts.run("displaced", {"limit": limit})
        return tuple(map(_parse, found))

    def move(self, was: Displaced, now: Displaced, *, left_s: float) -> bool:
        given = {
            "task_id": was.task_id,
            "was": was.version,
            "outputs": render_json([asdict(artifact) for artifact in now.outputs]),
            "result": render_json(now.result.render()) if now.result else "",
            "keys": render_json(was.keys),
            "left_ms": int(left_s * 1000),
        }
        with redis_errors():
            return bool(self.scripts.run("move_back", given))

    def put_off(self, displaced: Displaced, *, seconds: float) -> None:
        with redis_errors():
            self.scripts.client.zadd(DISPLACED, {displaced.task_id: self._now_ms() + seconds * 1000})

    def left_over(self, *, limit: int) -> tuple[str, ...]:
        with redis_errors():
            return tuple(self.scripts.client.zrangebyscore(LEFT_OVER, "-inf", self._now_ms(), 0, limit))

    def forget(self, key: str) -> None:
        with redis_errors():
            self.scripts.client.zrem(LEFT_OVER, key)

    def _now_ms(self) -> int:
        if self.scripts.now_ms is not None:
            return self.scripts.now_ms
        seconds, micros = self.scripts.client.time()
        return int(seconds) * 1000 + int(micros) // 1000


def _parse(found: Sequence[str]) -> Displaced:
    task_id, outputs, result = found
    return Displaced(task_id, parse_artifacts(outputs), find_stored(json.loads(result or "null")), outputs)
