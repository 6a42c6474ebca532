"""`/v1/tasks:estimate`: what a submit would be told now. Nothing is recorded, stored or charged to a quota."""

from dataclasses import replace
from typing import Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, model_validator

from orchestrator.api.bodies import InputBody
from orchestrator.api.deps import Parts, TaskPlanner
from orchestrator.api.inputs import SubmitBody
from orchestrator.api.problems import WITH_BODY, describe_error, problem_docs
from orchestrator.api.schemas import Problem, QueueView
from orchestrator.api.views import render_place
from orchestrator.domain.media_input import GivenInput

router = APIRouter(prefix="/v1/tasks", tags=["tasks"])


class PlannedInputBody(InputBody):
    """The media of a task that is not submitted yet: one of `object`, `url`, `inline`, `payload` and `size_bytes`."""

    size_bytes: int | None = Field(None, strict=True, ge=1, le=2**53, description="Of a file that is not uploaded yet.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        named = (self.object, self.url, self.inline, self.payload, self.size_bytes)
        if sum(source is not None for source in named) != 1:
            raise ValueError("must have exactly one of object, url, inline, payload and size_bytes")
        return self

    def parse(self) -> GivenInput:
        return replace(super().parse(), size_bytes=self.size_bytes)


class EstimateBody(SubmitBody):
    """A task that might be submitted."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"type": "image.upscale", "input": {"size_bytes": 482113}, "params": {"scale": 4}},
                {"type": "system.echo"},
            ]
        }
    )

    input: PlannedInputBody | None = Field(
        None, description="As of a submit; of a file that is not uploaded yet, its size."
    )


class CostView(BaseModel):
    """Seconds of a run as they are predicted, from so many finished `runs` of the type with inputs of about this size;
    from none, it is what the type says of itself.
    """

    predicted_s: float
    runs: int


class EstimateView(BaseModel):
    """What would become of the task. One that does not fit has neither cost nor place in the queue."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "accepted": True,
                    "refusal": None,
                    "cost": {"predicted_s": 3.4, "runs": 50},
                    "queue": {"position": 12, "eta_s": 20.5, "paused": [], "no_worker": None, "away": []},
                    "at_quota": False,
                    "follows": None,
                }
            ]
        }
    )

    accepted: bool = Field(description="Whether a submit would be accepted now.")
    refusal: Problem | None = Field(description="What it would be answered, if not.")
    cost: CostView | None
    queue: QueueView | None = Field(description="Where the task would wait.")
    at_quota: bool = Field(description="Whether it would wait for the project's own running tasks, or for the hour.")
    follows: str | None = Field(description="The task whose run would do the work, for nothing; only with `dedupe`.")


@router.post(":estimate", responses=problem_docs(WITH_BODY))
def estimate(body: EstimateBody, caller: TaskPlanner, parts: Parts) -> EstimateView:
    """What a submit would be told now, what the task would cost and how long it would wait; before any upload."""
    found = parts.estimate.estimate(body.parse(caller.project))
    cost, place = found.cost, found.place
    return EstimateView(
        accepted=found.refusal is None,
        refusal=describe_error(found.refusal) if found.refusal else None,
        cost=CostView(predicted_s=cost.predicted_s, runs=cost.runs) if cost else None,
        queue=render_place(place) if place else None,
        at_quota=found.is_at_quota,
        follows=found.follows,
    )
