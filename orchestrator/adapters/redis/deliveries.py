"""Deliveries over Redis: what `lua/deliveries.lua` says, one script each."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from orchestrator.adapters.redis.connection import redis_errors
from orchestrator.adapters.redis.records import pairs, parse_event, parse_task, render_json
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.delivery import (
    JOURNAL,
    PAYLOAD,
    WEBHOOK,
    Answer,
    Cursor,
    Delivery,
    DeliveryLost,
    DeliveryNotFound,
    DeliveryStatus,
)
from orchestrator.domain.errors import TaskNotFound
from orchestrator.domain.task import Status, Task, TaskEvent
from orchestrator.ports.deliveries import Sending, Taken, Untold, Woken

KINDS = (PAYLOAD, WEBHOOK, JOURNAL)
AT_ONCE: Mapping[str, int] = dict.fromkeys(KINDS, 8)
LONGEST_ANSWER = 300


@dataclass(frozen=True, slots=True)
class RedisDeliveries:
    """Implements the three roles of `ports.deliveries`.

    ``at_once`` is, by kind, how many senders a project has in one channel; a kind that it lacks is not claimed.
    """

    scripts: Scripts
    lease_ms: int = 30_000
    at_once: Mapping[str, int] = field(default_factory=lambda: AT_ONCE)

    def claim(self, claims: Sequence[str]) -> tuple[Sending, ...]:
        given = {"claims": " ".join(claims), "lease_ms": self.lease_ms, "at_once": render_json(dict(self.at_once))}
        with redis_errors():
            found = self.scripts.run("claim_deliveries", given)
        return tuple(map(_parse_sending, found))

    def renew(self, sendings: Sequence[Sending]) -> None:
        claims = [_token(sending) for sending in sendings]
        with redis_errors():
            self.scripts.run("renew_deliveries", {"claims": render_json(claims), "lease_ms": self.lease_ms})

    def advance(self, sending: Sending, cursor: Cursor, *, said: str) -> None:
        given = {"lease_ms": self.lease_ms, "cursor": cursor}
        self._fenced("advance_delivery", sending, given={**given, **_answer("ok", said)})

    def conclude(self, taken: Sequence[Taken]) -> tuple[Sending, ...]:
        told = [
            {**_token(each.sending), "cursor": str(each.sending.until), **_answer("ok" if each.said else "", each.said)}
            for each in taken
        ]
        with redis_errors():
            lost = set(self.scripts.run("conclude_deliveries", {"taken": render_json(told)}))
        return tuple(each.sending for each in taken if each.sending.claim in lost)

    def put_off(self, sending: Sending, *, after_s: float, code: str, message: str) -> None:
        self._leave(sending, "again", again_in_ms=int(after_s * 1000), counts=1, answer=_answer(code, message))

    def hold_back(self, sending: Sending, *, after_s: float) -> None:
        self._leave(sending, "held", again_in_ms=int(after_s * 1000))

    def give_up(self, sending: Sending, *, code: str, message: str) -> None:
        self._leave(sending, "over", counts=1, answer=_answer(code, message))

    def release(self, sending: Sending) -> None:
        self._leave(sending, "released")

    def list(self, project: str, task_id: str) -> tuple[Delivery, ...]:
        return self._of_task("list_deliveries", {"project": project, "task_id": task_id})

    def redeliver(self, project: str, task_id: str, *, destination: str | None = None) -> tuple[Delivery, ...]:
        given = {"project": project, "task_id": task_id, "destination": destination or ""}
        return self._of_task("redeliver", given)

    def wake(self, *, limit: int) -> Woken:
        given = {"limit": limit, "kinds": " ".join(KINDS)}
        with redis_errors():
            lapsed, due, claimable, untold = self.scripts.run("wake_deliveries", given)
        kinds = tuple(Untold(kind, pending, oldest_ms / 1000) for kind, pending, oldest_ms in untold)
        return Woken(lapsed, due, claimable, kinds)

    def _leave(
        self,
        sending: Sending,
        how: str,
        *,
        again_in_ms: int = 0,
        counts: int = 0,
        answer: Mapping[str, object] | None = None,
    ) -> None:
        given = {"how": how, "again_in_ms": again_in_ms, "counts": counts, **(answer or _answer("", ""))}
        self._fenced("leave_delivery", sending, given=given)

    def _fenced(self, script: str, sending: Sending, *, given: Mapping[str, object]) -> None:
        with redis_errors():
            answer = self.scripts.run(script, {**_token(sending), **given})
        if answer == "stale":
            raise DeliveryLost

    def _of_task(self, script: str, given: Mapping[str, object]) -> tuple[Delivery, ...]:
        with redis_errors():
            outcome, *found = self.scripts.run(script, given)
        if outcome == "unknown":
            raise TaskNotFound
        if outcome == "no_such":
            raise DeliveryNotFound
        return tuple(sorted(map(parse_delivery, found[0]), key=lambda delivery: delivery.destination))


def parse_delivery(flat: Sequence[str] | Mapping[str, str]) -> Delivery:
    """Read a record."""
    found = pairs(flat)
    last = Answer(int(found["last_ms"]), found["last_code"], found["last_text"]) if "last_ms" in found else None
    return Delivery(
        task_id=found["task"],
        project=found["project"],
        destination=found["destination"],
        channel=found["channel"],
        status=DeliveryStatus(found["status"]),
        cursor=Cursor.parse(found["cursor"]),
        tries=int(found["tries"]),
        due_ms=int(found["due_ms"]) if "due_ms" in found else None,
        updated_at_ms=int(found["updated_ms"]),
        last=last,
    )


def _parse_sending(claimed: Sequence[Any]) -> Sending:
    flat, task_flat, lines = claimed
    found, task_fields = pairs(flat), pairs(task_flat)
    task = parse_task(task_fields)
    events = [parse_event(entry_id, dict(zip(fields[::2], fields[1::2], strict=True))) for entry_id, fields in lines]
    if "tells_progress" in found and task.status is Status.RUNNING:
        events.append(_progress_of(task, task_fields))
    return Sending(parse_delivery(found), found["claim"], task, tuple(events), Cursor.parse(found["wanted"]))


def _progress_of(task: Task, flat: Mapping[str, str]) -> TaskEvent:
    return TaskEvent(task.generation, int(flat["seq"]), "progress", task.updated_at_ms, asdict(task.progress))


def _answer(code: str, text: str) -> dict[str, object]:
    return {"code": code, "text": text[:LONGEST_ANSWER]}


def _token(sending: Sending) -> dict[str, str]:
    return {"id": f"{sending.delivery.task_id}:{sending.delivery.destination}", "claim": sending.claim}
