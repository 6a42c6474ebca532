"""`Withdrawals` over Redis."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.adapters.redis.connection import redis_errors
from orchestrator.adapters.redis.records import Flat, parse_task
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.errors import Category, Unavailable
from orchestrator.domain.journal import Entry, KeptAnswer
from orchestrator.domain.task import NewTask


@dataclass(frozen=True, slots=True)
class RedisWithdrawals:
    """Implements `ports.withdrawals.Withdrawals`."""

    scripts: Scripts

    def unconfirmed(self, project: str, idempotency_key: str) -> tuple[Entry, ...]:
        client = self.scripts.client
        with redis_errors():
            seen = client.hgetall(f"orch:idem:{project}:{idempotency_key}")
            pipeline = client.pipeline(transaction=False)
            for task_id in seen.get("tasks", seen.get("task", "")).split():
                pipeline.hgetall(f"orch:task:{task_id}")
            records: list[Flat] = pipeline.execute()
        first = records[0] if records else {}
        if "withdrawn" in first:
            raise _withdrawn()
        if first.get("journal") != "1":
            return ()
        answer = KeptAnswer(idempotency_key, seen["request_sha256"], seen.get("answer", ""))
        return tuple(parse_entry(flat, answer if flat is first else None) for flat in records if flat)

    def confirm(self, task_id: str) -> None:
        with redis_errors():
            if self.scripts.run("confirm", {"task_id": task_id}) == "withdrawn":
                raise _withdrawn()

    def withdraw(self, tasks: Sequence[Entry]) -> bool:
        ids, answer = " ".join(entry.task.id for entry in tasks), tasks[0].answer
        given = {"task_ids": ids, "project": tasks[0].task.project, "idem": answer.key if answer else ""}
        with redis_errors():
            return bool(self.scripts.run("withdraw", given) == "withdrawn")


def _withdrawn() -> Unavailable:
    message = "the journal could not be written; nothing was accepted"
    return Unavailable(message, service="journal", category=Category.STORAGE)


def parse_entry(flat: Flat, answer: KeptAnswer | None) -> Entry:
    """A record as it was accepted."""
    task = parse_task(flat)
    start_by_s = None if task.start_by_ms is None else (task.start_by_ms - task.created_at_ms) / 1000
    new = NewTask(
        id=task.id,
        project=task.project,
        type=task.type,
        lane=task.lane,
        model=task.model,
        input=task.input,
        params=task.params,
        labels=task.labels,
        priority=task.priority,
        predicted_s=task.predicted_s,
        request_sha256=flat["request_sha256"],
        idempotency_key=flat["idem"] or None,
        answer=answer.text if answer else "",
        content=flat.get("content", ""),
        start_by_s=start_by_s,
        run_for_s=task.run_for_s,
        webhook=task.webhook,
        is_journaled=True,
        expires_at_ms=task.expires_at_ms,
    )
    return Entry(new, task.created_at_ms, answer)
