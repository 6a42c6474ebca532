"""`Intake` over Redis: submit, cancel and resubmit, one script each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from orchestrator.adapters.redis.connection import redis_errors
from orchestrator.adapters.redis.records import pairs, parse_task, render_json, render_limit
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.batch import BatchRefused, NewBatch
from orchestrator.domain.errors import FieldError, IdempotencyConflict, IllegalMove, Overloaded, TaskNotFound
from orchestrator.domain.from_stage import FromStage
from orchestrator.domain.limits import ENDLESS, UNLIMITED, LaneLimits, Quotas
from orchestrator.domain.overload import NotReady, QueueFull, QuotaExceeded, ReadOnly
from orchestrator.domain.task import (
    HEAD_START_MS,
    SCHEMA_VERSION,
    JsonObject,
    NewTask,
    Priority,
    Status,
    Task,
)
from orchestrator.ports.intake import Receipt

A_DAY_MS = 86_400_000
KINDS: Mapping[str, type[Overloaded]] = {kind.code: kind for kind in (QuotaExceeded, QueueFull, NotReady)}
REASONS: Mapping[str, Callable[[str], str]] = {
    "max_queued": lambda most: f"the project has {most} tasks queued, as many as it may",
    "max_bytes": lambda most: f"the project keeps {most} bytes or more, as many as it may",
    "no_room": lambda most: f"the project would keep more than the {most} bytes that it may",
    "lane_tasks": lambda most: f"{most} tasks or more wait in this lane already",
    "lane_wait": lambda most: f"it would wait longer than {most} s for its turn",
    "no_worker": lambda lane: f"lane {lane} has no worker now",
}

ILLEGAL: Mapping[str, str] = {
    "resubmit": "a task that is {} cannot be retried; only failed and canceled ones can",
    "change": "a task that is {} cannot be changed; only queued ones can",
}


class RedisIntake:
    """Implements `ports.intake.Intake`."""

    def __init__(
        self,
        scripts: Scripts,
        *,
        quotas: Quotas = UNLIMITED,
        lanes: LaneLimits = ENDLESS,
        answer_kept_ms: int = A_DAY_MS,
    ) -> None:
        self._scripts = scripts
        self._limits = render_limits(quotas, lanes)
        self._answer_kept_ms = answer_kept_ms

    def submit(self, task: NewTask) -> Receipt:
        with redis_errors():
            given = render_new(task, answer_kept_ms=self._answer_kept_ms)
            outcome, *found = self._scripts.run("submit", {**given, **self._limits})
        if outcome == "conflict":
            raise IdempotencyConflict
        if outcome == "read_only":
            raise ReadOnly
        if outcome == "refused":
            raise parse_refusal(found)
        if outcome == "replayed":
            key = task.idempotency_key or ""
            earlier = self.replay(task.project, key, request_sha256=task.request_sha256)
            return earlier or self.submit(task)  # or it has come to its end between the two
        recorded = _as_submitted(parse_task(pairs(found[0])))
        return Receipt(task.id, recorded.created_at_ms, recorded, task.answer)

    def submit_batch(self, batch: NewBatch) -> Receipt:
        new = [{name: str(value) for name, value in render_new(task).items()} for task in batch.tasks]
        given = {
            "project": batch.project,
            "idem": batch.idempotency_key or "",
            "request_sha256": batch.request_sha256,
            "answer": batch.answer,
            "answer_kept_ms": self._answer_kept_ms,
            "tasks": render_json(new),
            **_journaled(batch.tasks[0]),
        }
        with redis_errors():
            outcome, *found = self._scripts.run("submit_batch", given | self._limits)
        if outcome == "conflict":
            raise IdempotencyConflict
        if outcome == "read_only":
            raise ReadOnly
        if outcome == "refused":
            raise parse_refusals(found[0])
        if outcome == "replayed":
            key = batch.idempotency_key or ""
            earlier = self.replay(batch.project, key, request_sha256=batch.request_sha256)
            return earlier or self.submit_batch(batch)  # or it has come to its end between the two
        return Receipt(batch.tasks[0].id, found[0], None, batch.answer)

    def replay(self, project: str, idempotency_key: str, *, request_sha256: str) -> Receipt | None:
        with redis_errors():
            client = self._scripts.client
            seen = client.hgetall(f"orch:idem:{project}:{idempotency_key}")
            record = client.hgetall(f"orch:task:{seen['task']}") if seen else {}
        if not record and "answer" not in seen:
            return None
        if seen["request_sha256"] != request_sha256:
            raise IdempotencyConflict
        task = _as_submitted(parse_task(record)) if record else None
        created_ms = int(seen.get("created_ms") or record["created_ms"])
        return Receipt(seen["task"], created_ms, task, seen.get("answer", ""), replayed=True)

    def cancel(self, project: str, task_id: str) -> Task:
        return self._change("cancel", {"task_id": task_id, "project": project})

    def resubmit(self, project: str, task_id: str, *, generation: int, from_stage: FromStage | None = None) -> Task:
        given = {
            "generation": generation,
            "from_stage": from_stage or "",
            "head_starts": render_json(HEAD_START_MS),
            **self._limits,
        }
        return self._change("resubmit", {"task_id": task_id, "project": project, **given})

    def change(
        self,
        project: str,
        task_id: str,
        *,
        priority: Priority | None = None,
        labels: JsonObject | None = None,
        expires_at_ms: int | None = None,
    ) -> Task:
        given = {
            **_expiring(expires_at_ms),
            "priority": priority or "",
            "labels": "" if labels is None else render_json(labels),
            "head_starts": render_json(HEAD_START_MS),
        }
        return self._change("change", {"task_id": task_id, "project": project, **given})

    def delete(self, project: str, task_id: str) -> None:
        with redis_errors():
            outcome = self._scripts.run("delete", {"task_id": task_id, "project": project})
        if outcome == "unknown":
            raise TaskNotFound

    def _change(self, script: str, given: Mapping[str, object]) -> Task:
        with redis_errors():
            outcome, *found = self._scripts.run(script, given)
        if outcome == "unknown":
            raise TaskNotFound
        if outcome == "refused":
            raise parse_refusal(found)
        if outcome == "generation":
            raise IllegalMove(f"the task is at generation {found[0]} already", code="generation_changed")
        if outcome == "nothing":
            raise IllegalMove("the task's runs have made nothing that could be stored; retry it from `infer`")
        if outcome == "illegal":
            raise IllegalMove(ILLEGAL[script].format(found[0]))
        return parse_task(pairs(found[0]))


def _as_submitted(task: Task) -> Task:
    """The task as the first answer showed it, whatever has become of it since."""
    return replace(
        task,
        status=Status.QUEUED,
        generation=1,
        epoch=0,
        updated_at_ms=task.created_at_ms,
        started_at_ms=None,
        ended_at_ms=None,
        cancel_requested_at_ms=None,
        delayed_until_ms=None,
        result=None,
        error=None,
        outputs=(),
        usage={},
        tries={},
        progress=type(task.progress)(),
    )


def parse_refusal(found: Sequence[Any]) -> Overloaded:
    """What `admission.lua` says when it lets nothing more in."""
    code, what, limit, again_in_ms = found
    return KINDS[code](REASONS[what](limit), retry_after_s=again_in_ms / 1000)


def parse_refusals(found: Sequence[Sequence[Any]]) -> BatchRefused:
    """The same of every task that is refused, by its number in the batch."""
    refusals = [(index, parse_refusal(why)) for index, *why in found]
    flaws = [FieldError(f"tasks.{index}", str(refusal), refusal.code) for index, refusal in refusals]
    return BatchRefused(fields=flaws, retry_after_s=max(refusal.retry_after_s for _, refusal in refusals))


def render_limits(quotas: Quotas, lanes: LaneLimits) -> dict[str, str]:
    return {
        "max_queued": render_limit(quotas.max_queued),
        "max_bytes": render_limit(quotas.max_bytes),
        "lane_tasks": render_limit(lanes.tasks),
        "lane_wait_ms": "" if lanes.wait_s is None else str(int(lanes.wait_s * 1000)),
        "need_worker": "1" if lanes.need_worker else "",
    }


def _journaled(task: NewTask) -> dict[str, object]:
    return {"journal": "1"} if task.is_journaled else {}


def _expiring(expires_at_ms: int | None) -> dict[str, object]:
    return {} if expires_at_ms is None else {"expires_ms": expires_at_ms}


def render_new(task: NewTask, *, answer_kept_ms: int = A_DAY_MS) -> dict[str, object]:
    kept = {"answer": task.answer, "answer_kept_ms": answer_kept_ms} if task.idempotency_key else {}
    shared = {"content": task.content} if task.content else {}
    told = {} if task.webhook is None else {"webhook": render_json(task.webhook)}
    return {
        **kept,
        **shared,
        **told,
        **_journaled(task),
        **_expiring(task.expires_at_ms),
        "schema": SCHEMA_VERSION,
        "id": task.id,
        "project": task.project,
        "type": task.type,
        "lane": task.lane,
        "model": task.model,
        "input": render_json(task.input),
        "params": render_json(task.params),
        "labels": render_json(task.labels),
        "priority": task.priority.value,
        "predicted_s": task.predicted_s,
        "request_sha256": task.request_sha256,
        "idem": task.idempotency_key or "",
        "upload": task.input.get("object", ""),
        "head_start_ms": HEAD_START_MS[task.priority],
        "run_for_s": task.run_for_s or "",
        "start_by_in_ms": int(task.start_by_s * 1000) if task.start_by_s else "",
    }
