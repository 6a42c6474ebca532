"""`/v1/tasks/{id}/deliveries`: whom a task tells what becomes of it, and how far that has come."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from orchestrator.api.bodies import Request
from orchestrator.api.deps import Parts, TaskReader, TaskWriter
from orchestrator.api.problems import OF_ONE_THING, WITH_BODY, problem_docs
from orchestrator.api.tasks import TaskId
from orchestrator.api.times import Time, time_of, time_or_none
from orchestrator.domain.delivery import Answer, Delivery, DeliveryStatus

router = APIRouter(prefix="/v1/tasks", tags=["deliveries"])

DELIVERY_EXAMPLE: JsonDict = {
    "destination": "webhook:whk_01m82wee72bfd54k32vk1sb59e",
    "kind": "webhook",
    "status": "pending",
    "told_up_to": "1-2",
    "tries": 3,
    "next_try_at": "2026-11-23T00:31:12.041Z",
    "last_answer": {"at": "2026-11-23T00:21:12.041Z", "code": "receiver_failed", "message": "answered 500"},
    "updated_at": "2026-11-23T00:21:12.041Z",
}


class RedeliverBody(Request):
    """Which one; all of the task when absent."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"destination": "webhook:task"}]})

    destination: Annotated[str, Field(pattern=r"^[a-z]+(:[A-Za-z0-9_-]{1,64})?$")] | None = None


class AnswerView(BaseModel):
    """What the destination said last; `code` is `ok`, or says what failed."""

    at: Time
    code: str
    message: str


class DeliveryView(BaseModel):
    """A delivery. `tries` failed since the last event that was taken, whose id is `told_up_to`."""

    model_config = ConfigDict(json_schema_extra={"examples": [DELIVERY_EXAMPLE]})

    destination: str
    kind: str
    status: DeliveryStatus
    told_up_to: str
    tries: int
    next_try_at: Time | None
    last_answer: AnswerView | None
    updated_at: Time


class DeliveryList(BaseModel):
    """All deliveries of a task."""

    items: list[DeliveryView]


@router.get("/{task_id}/deliveries", responses=problem_docs(OF_ONE_THING))
def list_deliveries(task_id: TaskId, caller: TaskReader, parts: Parts) -> DeliveryList:
    """Whom the task has told of what became of it, or is about to: PayloadCMS, webhooks, the journal."""
    return _render(parts.operations.deliveries.list(caller.project.slug, task_id))


@router.post(
    "/{task_id}/deliveries:redeliver",
    status_code=HTTPStatus.ACCEPTED,
    responses=problem_docs((*WITH_BODY, HTTPStatus.NOT_FOUND)),
)
def redeliver(task_id: TaskId, caller: TaskWriter, parts: Parts, body: RedeliverBody | None = None) -> DeliveryList:
    """Try again at once, with all tries; a destination that was told everything is told the last event again."""
    destination = body.destination if body else None
    return _render(parts.operations.redeliver.redeliver(caller.project, task_id, destination=destination))


def _render(deliveries: tuple[Delivery, ...]) -> DeliveryList:
    return DeliveryList(items=[_render_delivery(delivery) for delivery in deliveries])


def _render_delivery(delivery: Delivery) -> DeliveryView:
    return DeliveryView(
        destination=delivery.destination,
        kind=delivery.kind,
        status=delivery.status,
        told_up_to=str(delivery.cursor),
        tries=delivery.tries,
        next_try_at=time_or_none(delivery.due_ms),
        last_answer=_render_answer(delivery.last) if delivery.last else None,
        updated_at=time_of(delivery.updated_at_ms),
    )


def _render_answer(answer: Answer) -> AnswerView:
    return AnswerView(at=time_of(answer.at_ms), code=answer.code, message=answer.message)
