"""`/v1/tasks:batch`: many tasks in one call, accepted all or none."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated

import fastapi
from fastapi import APIRouter, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from orchestrator.api.bodies import Request
from orchestrator.api.deps import Parts, TaskWriter
from orchestrator.api.inputs import SubmitBody
from orchestrator.api.problems import SUBMITS, problem_docs
from orchestrator.api.rate_limits import charge
from orchestrator.api.tasks import IdempotencyKey
from orchestrator.api.times import Time
from orchestrator.api.views import render_submitted, task_url
from orchestrator.domain.project import Project
from orchestrator.pipelines.submission import BatchRequest
from orchestrator.services.projects.admit import BATCHED_COST

router = APIRouter(prefix="/v1/tasks", tags=["tasks"])


class BatchBody(Request):
    """Tasks that are accepted all or none."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "tasks": [
                        {"type": "image.upscale", "input": {"object": "projects/film-a/uploads/upload_01m8…/0001.png"}},
                        {
                            "type": "image.upscale",
                            "input": {"object": "projects/film-a/uploads/upload_01m9…/0002.png"},
                            "priority": "high",
                        },
                    ]
                },
            ]
        }
    )

    tasks: Annotated[list[SubmitBody], Field(min_length=1, max_length=1000)] = Field(description="As of a submit.")

    def parse(self, project: Project, *, idempotency_key: str | None) -> BatchRequest:
        return BatchRequest(project, tuple(task.parse(project) for task in self.tasks), idempotency_key)


class BatchedView(BaseModel):
    """A task of the batch."""

    id: str
    links: Mapping[str, str]


class BatchView(BaseModel):
    """The tasks, in the order of the call."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "id": "task_01m82wee72bfd54k32vk1sb59e",
                            "links": {"self": "/v1/tasks/task_01m82wee72bfd54k32vk1sb59e"},
                        }
                    ],
                    "created_at": "2026-11-23T00:21:12.041Z",
                }
            ]
        }
    )

    items: list[BatchedView]
    created_at: Time = Field(description="Of all of them.")


ITEMS = TypeAdapter(dict[str, list[BatchedView]])


@router.post(":batch", status_code=HTTPStatus.ACCEPTED, responses=problem_docs(SUBMITS), response_model=BatchView)
async def submit_batch(
    request: fastapi.Request,
    body: BatchBody,
    caller: TaskWriter,
    parts: Parts,
    *,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Record up to 1,000 tasks, all or none. A refusal names each that is at fault, or for which there is no room."""
    await charge(request, caller, cost=BATCHED_COST * len(body.tasks))
    batch = body.parse(caller.project, idempotency_key=idempotency_key)
    receipt = await run_in_threadpool(parts.submit_batch.submit, batch, describe=_describe)
    headers = {"Idempotency-Replayed": "true"} if receipt.replayed else {}
    return Response(render_submitted(receipt), HTTPStatus.ACCEPTED, headers, media_type="application/json")


def _describe(ids: Sequence[str]) -> str:
    """All but the time, which the store will say."""
    return ITEMS.dump_json({"items": [BatchedView(id=each, links={"self": task_url(each)}) for each in ids]}).decode()
