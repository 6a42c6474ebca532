"""`Rebuilding` over Redis."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from orchestrator.adapters.redis.connection import redis_errors
from orchestrator.adapters.redis.intake import A_DAY_MS, render_new
from orchestrator.adapters.redis.pauses import RedisPauses
from orchestrator.adapters.redis.records import pairs, render_failure, render_json
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.journal import Ended, Restoration, Tenant
from orchestrator.domain.pause import EVERY_LANE
from orchestrator.ports.rebuilding import StoreState

JOURNAL = "orch:journal"
BY = "rebuild"


@dataclass(frozen=True, slots=True)
class RedisRebuilding:
    """Implements `ports.rebuilding.Rebuilding`."""

    scripts: Scripts
    answer_kept_ms: int = A_DAY_MS

    def state(self) -> StoreState:
        with redis_errors():
            return StoreState(self.scripts.client.get(JOURNAL) or StoreState.NEW)

    def begin(self) -> None:
        RedisPauses(self.scripts).pause(EVERY_LANE, by=BY, reason="the records are made anew", as_operator=True)
        with redis_errors():
            self.scripts.client.set(JOURNAL, StoreState.REBUILDING)

    def end(self) -> None:
        with redis_errors():
            self.scripts.client.set(JOURNAL, StoreState.OPEN)
        RedisPauses(self.scripts).resume(EVERY_LANE, as_operator=True)

    def open_new(self) -> None:
        with redis_errors():
            self.scripts.client.set(JOURNAL, StoreState.OPEN, nx=True)

    def tenant(self, slug: str) -> Tenant:
        with redis_errors():
            found = self.scripts.run("tenant", {"slug": slug})
        hashes = {key: pairs(flat) for key, flat, _ in found}
        return Tenant(slug, hashes, {key: ends_at_ms for key, _, ends_at_ms in found if ends_at_ms >= 0})

    def restore_tenant(self, tenant: Tenant) -> None:
        hashes, ends_at_ms = render_json(tenant.hashes), render_json(tenant.ends_at_ms)
        with redis_errors():
            self.scripts.run("restore_tenant", {"slug": tenant.slug, "hashes": hashes, "ends_at_ms": ends_at_ms})

    def restore(
        self, tasks: Sequence[Restoration], *, tell_again_s: float = 0, dry_run: bool = False
    ) -> tuple[str, ...]:
        given = {
            "tasks": render_json([self._render(each) for each in tasks]),
            "tell_again_ms": int(tell_again_s * 1000),
            "dry_run": "1" if dry_run else "",
        }
        with redis_errors():
            return tuple(self.scripts.run("restore", given))

    def _render(self, restoration: Restoration) -> dict[str, object]:
        recorded, entry = restoration.recorded, restoration.recorded.entry
        task, answer, change = entry.task, entry.answer, recorded.change
        if change is not None:
            task = replace(task, priority=change.priority, labels=change.labels, expires_at_ms=change.expires_at_ms)
        if restoration.epoch:  # it has started in time
            task = replace(task, start_by_s=None)
        return {
            **{name: str(value) for name, value in render_new(task).items()},
            "created_ms": str(entry.created_at_ms),
            "generation": str(recorded.generation),
            "epoch": str(restoration.epoch),
            "answer_key": answer.key if answer else "",
            "answer_sha256": answer.request_sha256 if answer else "",
            "answer": answer.text if answer else "",
            "answer_kept_ms": str(self.answer_kept_ms),
            "is_deleted": recorded.is_deleted,
            **({"ended": _render_ended(restoration.ended)} if restoration.ended else {}),
        }


def _render_ended(ended: Ended) -> dict[str, str]:
    started = {"started_ms": str(ended.started_at_ms)} if ended.started_at_ms is not None else {}
    error = {"error": render_failure(ended.error)} if ended.error else {}
    result = {"result": render_json(ended.result)} if ended.result is not None else {}
    size_bytes = sum(artifact.size_bytes for artifact in ended.outputs)
    return {
        **started,
        **error,
        **result,
        "status": ended.status.value,
        "ended_ms": str(ended.ended_at_ms or ""),
        "outputs": render_json([asdict(artifact) for artifact in ended.outputs]),
        "usage": render_json(ended.usage),
        **({"bytes": str(size_bytes)} if size_bytes else {}),
    }
