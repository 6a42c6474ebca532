"""`/v1/tasks:estimate`: what a submit would be told now. Nothing is recorded, stored or charged to a quota."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.deps import Parts, TaskPlanner
from orchestrator.api.inputs import EstimateBody
from orchestrator.api.problems import WITH_BODY, describe_error, problem_docs
from orchestrator.api.schemas import Problem, QueueView
from orchestrator.api.views import render_place

router = APIRouter(prefix="/v1/tasks", tags=["tasks"])


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
                    "queue": {"position": 12, "eta_s": 20.5, "paused": []},
                    "at_quota": False,
                }
            ]
        }
    )

    accepted: bool = Field(description="Whether a submit would be accepted now.")
    refusal: Problem | None = Field(description="What it would be answered, if not.")
    cost: CostView | None
    queue: QueueView | None = Field(description="Where the task would wait.")
    at_quota: bool = Field(description="Whether it would wait for the project's own running tasks, or for the hour.")


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
    )
