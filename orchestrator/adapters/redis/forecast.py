"""`Forecast` over Redis: what finished runs have taught, and the queue as it is."""

import time
from typing import Any

from orchestrator.adapters.redis.client import Fields
from orchestrator.adapters.redis.connection import redis_errors
from orchestrator.adapters.redis.intake import parse_refusal, render_limits
from orchestrator.adapters.redis.records import render_limit
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.cost import Cost, predict
from orchestrator.domain.errors import OutcomeUnknown, Unavailable
from orchestrator.domain.lane import pool_lane
from orchestrator.domain.limits import ENDLESS, UNLIMITED, LaneLimits, Quotas
from orchestrator.domain.task import HEAD_START_MS, NewTask, Task
from orchestrator.ports.forecast import Outlook, Place

Costs = dict[str, Cost]

KNOWN_FOR_S = 5.0  # costs are means of many runs and change slowly; a submit asks for them now and then only


class RedisForecast:
    """Implements `ports.forecast.Forecast`. Safe to share between threads."""

    def __init__(
        self,
        scripts: Scripts,
        *,
        quotas: Quotas = UNLIMITED,
        lanes: LaneLimits = ENDLESS,
        known_for_s: float = KNOWN_FOR_S,
    ) -> None:
        self._scripts = scripts
        at_start = {"max_running": quotas.max_running, "gpu_s_per_hour": quotas.gpu_s_per_hour}
        self._limits = render_limits(quotas, lanes) | {name: render_limit(most) for name, most in at_start.items()}
        self._known_for_s = known_for_s
        self._known: dict[str, tuple[float, Costs]] = {}

    def cost(self, lane: str, kind: str, *, prior_s: float) -> Cost:
        return predict(self._costs(lane).get(kind), prior_s)

    def place(self, task: Task) -> Place | None:
        given = {"id": task.id, "project": task.project, "model": task.model, "type": task.type}
        lanes = {"lane": pool_lane(task.lane, task.pool), "waits_in": task.waits_in}
        with redis_errors():
            found = self._scripts.run("place", {**given, **lanes})
        return parse_place(found) if found else None

    def outlook(self, task: NewTask) -> Outlook:
        given = {
            "project": task.project,
            "lane": task.lane,
            "model": task.model,
            "type": task.type,
            "predicted_s": task.predicted_s,
            "head_start_ms": HEAD_START_MS[task.priority],
            "new_bytes": 0 if "object" in task.input else task.input.get("size_bytes", 0),
        }
        shared = {"content": task.content} if task.content else {}
        with redis_errors():
            (outcome, *why), at_quota, leader, *place = self._scripts.run("estimate", given | shared | self._limits)
        refusal = parse_refusal(why) if outcome == "refused" else None
        return Outlook(refusal, parse_place(place), is_at_quota=bool(at_quota), follows=leader or None)

    def _costs(self, lane: str) -> Costs:
        read_at_s, costs = self._known.get(lane, (0.0, {}))
        now_s = time.monotonic()
        if not read_at_s or now_s - read_at_s > self._known_for_s:
            flat = self._read(f"orch:pace:{lane}")
            costs = {
                name.removeprefix("runs:"): Cost(float(flat[f"s:{name.removeprefix('runs:')}"]), int(runs))
                for name, runs in flat.items()
                if name.startswith("runs:")
            }
            self._known[lane] = now_s, costs
        return costs

    def _read(self, key: str) -> Fields:
        try:
            with redis_errors():
                return self._scripts.client.hgetall(key)
        except OutcomeUnknown as error:  # of a read: whoever asked has changed nothing
            raise Unavailable(str(error), service=error.service, category=error.category) from error


def parse_place(found: list[Any]) -> Place:
    position, eta_ms, paused, no_worker, away = found
    eta_s = None if eta_ms == "" else int(eta_ms) / 1000
    return Place(position, eta_s, tuple(paused), no_worker or None, tuple(away))
