"""`/v1/breakers`: which services that this node depends on are away. For operators."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.deps import Parts, ProjectAdmin
from orchestrator.api.problems import AUTHENTICATED, problem_docs
from orchestrator.api.times import Time, time_of
from orchestrator.domain.breaker import Breaker

router = APIRouter(tags=["breakers"])


class BreakerView(BaseModel):
    """A breaker that is not closed. When it is `half_open`, one call finds out whether the service is back."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "dependency": "triton:gpu-1:8001",
                    "state": "open",
                    "reason": "failing",
                    "since": "2026-11-23T00:21:12.041Z",
                    "retry_at": "2026-11-23T00:21:17.041Z",
                    "openings": 1,
                }
            ]
        }
    )

    dependency: str = Field(description="`r2`, `triton`, `payload`, or `webhook:` and a host.")
    state: Literal["open", "half_open"]
    reason: Literal["failing", "denied"] = Field(description="`denied`: it does not accept this node's credentials.")
    since: Time
    retry_at: Time
    openings: int = Field(description="How often it has opened in a row; each time for longer, up to a minute.")


class BreakerList(BaseModel):
    """Everything that is away; nothing is the usual answer."""

    items: list[BreakerView]


@router.get("/v1/breakers", responses=problem_docs(AUTHENTICATED))
def list_breakers(_: ProjectAdmin, parts: Parts) -> BreakerList:
    """What is away, since when, why, and when it is asked again. Tasks that need it wait, and lose no try."""
    return BreakerList(items=[_render(breaker) for breaker in parts.operations.breakers.list()])


def _render(breaker: Breaker) -> BreakerView:
    return BreakerView.model_validate(
        {
            "dependency": breaker.dependency,
            "state": breaker.state.value,
            "reason": breaker.reason,
            "since": time_of(breaker.opened_at_ms or 0),
            "retry_at": time_of(breaker.retry_at_ms or 0),
            "openings": breaker.openings,
        }
    )
