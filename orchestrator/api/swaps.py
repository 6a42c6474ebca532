"""How another release takes the place of the one that serves: asked for here, done by a keeper (ADR 0048)."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from orchestrator.api.bodies import Request
from orchestrator.api.deps import ModelAdmin, Parts
from orchestrator.api.models import ModelName
from orchestrator.api.problems import AUTHENTICATED, OF_ONE_THING, RETRIES, problem_docs
from orchestrator.api.swap_shapes import AuditList, SwapBody, SwapView, render_line, render_swap
from orchestrator.domain.model import Release
from orchestrator.domain.swap import SwapNotFound

router = APIRouter(prefix="/v1/models/{model}", tags=["models"])


class AuditQuery(Request):
    """How much of the log."""

    limit: int = Field(100, ge=1, le=1000, description="How many lines at most.")


@router.post(":swap", status_code=HTTPStatus.ACCEPTED, responses=problem_docs(RETRIES))
def swap_model(caller: ModelAdmin, model: ModelName, body: SwapBody, parts: Parts) -> SwapView:
    """Let another release take the place of the one that serves. It is refused or rolled back if it is worse."""
    swaps = parts.models.swaps
    watch_s = swaps.watch_s if body.watch_s is None else body.watch_s
    new = Release(model, body.version)
    return render_swap(swaps.swap.swap(new, by=caller.key_id, canary=body.canary, watch_s=watch_s))


@router.post(":rollback", status_code=HTTPStatus.ACCEPTED, responses=problem_docs((*OF_ONE_THING, HTTPStatus.CONFLICT)))
def roll_back_model(caller: ModelAdmin, model: ModelName, parts: Parts) -> SwapView:
    """Let the release before serve again: at once, if it is still resident. A swap that goes on ends with this."""
    return render_swap(parts.models.swaps.roll_back.roll_back(model, by=caller.key_id))


@router.get("/swap", responses=problem_docs(OF_ONE_THING))
def get_swap(_: ModelAdmin, model: ModelName, parts: Parts) -> SwapView:
    """The last swap of the model, and how far it is.

    Raises:
        SwapNotFound: there was none.
    """
    standing = parts.models.swaps.swaps.find(model)
    if standing is None:
        raise SwapNotFound
    return render_swap(standing)


@router.get("/audit", responses=problem_docs(AUTHENTICATED))
def audit_model(_: ModelAdmin, model: ModelName, parts: Parts, asked: Annotated[AuditQuery, Query()]) -> AuditList:
    """What was done with the model's releases, by whom and why, with its figures. The latest first."""
    return AuditList(items=[render_line(line) for line in parts.models.swaps.swaps.audit(model, limit=asked.limit)])
