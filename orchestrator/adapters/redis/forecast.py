"""`Forecast` over Redis: what finished runs have taught, and the queue as it is."""

import time
from typing import Any

from orchestrator.adapters.redis.connection import redis_errors
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.cost import Cost, predict
from orchestrator.domain.task import Task
from orchestrator.ports.forecast import Place

Costs = dict[str, Cost]

KNOWN_FOR_S = 1.0  # a submit asks nothing: costs change slowly, and those of a lane are a few dozen


class RedisForecast:
    """Implements `ports.forecast.Forecast`. Safe to share between threads."""

    def __init__(self, scripts: Scripts, *, known_for_s: float = KNOWN_FOR_S) -> None:
        self._scripts = scripts
        self._known_for_s = known_for_s
        self._known: dict[str, tuple[float, Costs]] = {}

    def cost(self, lane: str, kind: str, *, prior_s: float) -> Cost:
        return predict(self._costs(lane).get(kind), prior_s)

    def place(self, task: Task) -> Place | None:
        given = {"id": task.id, "project": task.project, "lane": task.lane, "model": task.model}
        with redis_errors():
            found = self._scripts.run("place", {**given, "waits_in": task.waits_in})
        return parse_place(found) if found else None

    def _costs(self, lane: str) -> Costs:
        read_at_s, costs = self._known.get(lane, (0.0, {}))
        now_s = time.monotonic()
        if not read_at_s or now_s - read_at_s > self._known_for_s:
            with redis_errors():
                flat = self._scripts.client.hgetall(f"orch:pace:{lane}")
            costs = {
                name.removeprefix("runs:"): Cost(float(flat[f"s:{name.removeprefix('runs:')}"]), int(runs))
                for name, runs in flat.items()
                if name.startswith("runs:")
            }
            self._known[lane] = now_s, costs
        return costs


def parse_place(found: list[Any]) -> Place:
    position, eta_ms = found
    return Place(position, None if eta_ms == "" else int(eta_ms) / 1000)
