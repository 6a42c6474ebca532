"""`Upkeep` over Redis: what the keeper's duties need."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.adapters.redis.connection import redis_errors
from orchestrator.adapters.redis.records import pairs, parse_task, render_failure
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.errors import Category
from orchestrator.domain.owner import Owner
from orchestrator.domain.retry import CRASHED, CRASHED_OUT, EXPIRED, POLICIES
from orchestrator.domain.task import SCHEMA_VERSION, Task
from orchestrator.ports.upkeep import Audited, EndedOffer, Find, LaneLoad, Mended, QueueLoad, Swept


@dataclass(frozen=True, slots=True)
class RedisUpkeep:
    """Implements `ports.upkeep.Upkeep`."""

    scripts: Scripts
    lease_ms: int
    retention_ms: int

    def reconcile(self, *, limit: int) -> Mended:
        given = {
            "limit": limit,
            "lease_ms": self.lease_ms,
            "expired_error": render_failure(EXPIRED),
        }
        with redis_errors():
            return Mended(*self.scripts.run("reconcile", {**given, **_crash_policy()}))

    def owners(self, node: str) -> tuple[Owner, ...]:
        with redis_errors():
            found = self.scripts.run("owners", {"node": node})
        return tuple(Owner.parse(owner) for owner in found)

    def reap(self, owner: Owner) -> Mended:
        with redis_errors():
            return Mended(*self.scripts.run("reap", {"owner": owner, **_crash_policy()}))

    def reap_silent(self, *, silent_s: float, limit: int) -> Mended:
        given = {
            "limit": limit,
            "silent_ms": int(silent_s * 1000),
            "lease_ms": self.lease_ms,
        }
        with redis_errors():
            return Mended(*self.scripts.run("reap_silent", {**given, **_crash_policy()}))

    def audit(self, *, limit: int) -> Audited:
        given = {"limit": limit, "lease_ms": self.lease_ms, "schema": SCHEMA_VERSION}
        with redis_errors():
            looked, is_round, finds = self.scripts.run("audit", given)
        return Audited(looked, bool(is_round), tuple(Find(*find) for find in finds))

    def load(self) -> QueueLoad:
        with redis_errors():
            lanes, running, delayed = self.scripts.run("load", {})
        return QueueLoad(tuple(map(parse_load, lanes)), running=running, delayed=delayed)

    def condemn(self, *, limit: int) -> tuple[Swept, ...]:
        with redis_errors():
            given = {"before_ms": self._long_ago(), "retention_ms": self.retention_ms, "limit": limit}
            found = self.scripts.run("condemn", given)
        return tuple(Swept(task_id, project, bool(is_journaled)) for task_id, project, is_journaled in found)

    def purge(self, task_id: str) -> None:
        with redis_errors():
            self.scripts.run("purge", {"task_id": task_id, "before_ms": self._long_ago()})

    def strays(self, *, limit: int) -> tuple[Task, ...]:
        with redis_errors():
            return tuple(parse_task(pairs(flat)) for flat in self.scripts.run("strays", {"limit": limit}))

    def end_strays(self, task_id: str, *, again_in_s: float | None = None) -> None:
        with redis_errors():
            if again_in_s is None:
                self.scripts.client.zrem("orch:strays", task_id)
            else:
                self.scripts.client.zadd("orch:strays", {task_id: self._now_ms() + int(again_in_s * 1000)})

    def put_off(self, task_id: str) -> None:
        with redis_errors():
            self.scripts.run("put_off", {"task_id": task_id, "before_ms": self._long_ago()})

    def expired_uploads(self, *, limit: int) -> tuple[str, ...]:
        with redis_errors():
            keys = self.scripts.client.zrangebyscore("orch:uploads", "-inf", self._long_ago(), 0, limit)
        return tuple(keys)

    def track_upload(self, key: str) -> None:
        with redis_errors():
            self.scripts.client.zadd("orch:uploads", {key: self._now_ms()})

    def forget_upload(self, key: str) -> None:
        with redis_errors():
            self.scripts.run("forget_upload", {"key": key})

    def ended_offers(self, *, limit: int) -> tuple[EndedOffer, ...]:
        with redis_errors():
            found = self.scripts.run("ended_offers", {"limit": limit})
        return tuple(EndedOffer(key, bool(is_lasting)) for key, is_lasting in found)

    def end_offer(self, key: str, *, has_arrived: bool) -> None:
        with redis_errors():
            self.scripts.run("end_offer", {"key": key, "has_arrived": "1" if has_arrived else ""})

    def take_duty(self, duty: str, holder: str, *, ttl_s: float) -> bool:
        given = {"duty": duty, "holder": holder, "ttl_ms": int(ttl_s * 1000)}
        with redis_errors():
            return bool(self.scripts.run("take_duty", given))

    def leave_duty(self, duty: str, holder: str) -> None:
        with redis_errors():
            self.scripts.run("leave_duty", {"duty": duty, "holder": holder})

    def _now_ms(self) -> int:
        return self.scripts.now_ms if self.scripts.now_ms is not None else _server_ms(self.scripts)

    def _long_ago(self) -> int:
        return self._now_ms() - self.retention_ms


def parse_load(found: Sequence[Any]) -> LaneLoad:
    lane, ready, wait_ms, at_quota, predicted_ms, pace, paused, is_served = found
    return LaneLoad(
        lane,
        ready=ready,
        oldest_wait_s=wait_ms / 1000,
        at_quota=at_quota,
        predicted_s=predicted_ms / 1000,
        pace=float(pace) if pace else None,
        paused=paused,
        is_served=bool(is_served),
    )


def _crash_policy() -> dict[str, object]:
    errors = {"crash_error": render_failure(CRASHED), "crashed_out_error": render_failure(CRASHED_OUT)}
    return {"crash_limit": POLICIES[Category.CRASH].tries, **errors}


def _server_ms(scripts: Scripts) -> int:
    seconds, micros = scripts.client.time()
    return int(seconds) * 1000 + int(micros) // 1000
