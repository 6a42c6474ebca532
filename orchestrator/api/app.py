"""The FastAPI application, put together from its parts. Nothing is made at import."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from orchestrator.api import (
    batches,
    breakers,
    deliveries,
    estimates,
    events,
    health,
    keys,
    many,
    models,
    pauses,
    projects,
    receipts,
    releases,
    results,
    swaps,
    task_types,
    tasks,
    uploads,
    webhooks,
)
from orchestrator.api.event_stream import OpenStreams
from orchestrator.api.health import Readiness
from orchestrator.api.middleware import BodyLimit, RequestContext
from orchestrator.api.openapi import complete, operation_id
from orchestrator.api.problems import add_problem_responses
from orchestrator.api.rate_limits import RateLimitHeaders
from orchestrator.services.residency.check_instances import CheckInstances
from orchestrator.wiring.api_parts import ApiParts

CONTRACT = "1.0"
BODY_LIMIT_BYTES = 1024**2  # JSON only; media goes straight to storage (stack facts F)

DESCRIPTION = """
Durable media tasks, inference in NVIDIA Triton. Send `Authorization: Bearer <key>`; repeat a `POST /v1/tasks` safely
with an `Idempotency-Key`. Errors are `application/problem+json` with a stable `code`.
"""


class Api(FastAPI):
    """FastAPI with a complete OpenAPI document."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            complete(super().openapi())
        return super().openapi()


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await app.state.parts.feed.close()
    app.state.parts.webhooks.close()


def build_app(parts: ApiParts) -> FastAPI:
    """The application over ``parts``; nothing is asked of them before the first request."""
    app = Api(
        title="Orchestrator",
        version=CONTRACT,
        summary="A container-native GPU inference node.",
        description=DESCRIPTION,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
        generate_unique_id_function=operation_id,
    )
    app.state.parts = parts
    app.state.streams = OpenStreams(parts.streams)
    advice = {
        "workers": parts.workers.check,
        "pauses": parts.operations.pauses.check,
        "breakers": parts.operations.breakers.check,
        "instances": CheckInstances(parts.models.residency).check,
    }
    if parts.guard is not None:
        advice["journal"] = parts.guard.require_open
    app.state.readiness = Readiness(parts.checks, advice=advice)
    work = (tasks, many, batches, estimates, events, deliveries, task_types, results, receipts, uploads, webhooks)
    for resource in (*work, projects, keys, pauses, breakers, models, swaps, releases, health):
        app.include_router(resource.router)
    add_problem_responses(app)
    app.add_middleware(RateLimitHeaders)
    app.add_middleware(BodyLimit, limit_bytes=BODY_LIMIT_BYTES)
    app.add_middleware(RequestContext)  # the outermost: every response carries its X-Request-Id
    return app
