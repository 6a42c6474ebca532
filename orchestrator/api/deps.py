"""What every route may ask for: the parts of the application, and who is calling.

A route says which scope it needs by the type of its caller; OpenAPI shows it beside the operation. These are `async`
because they wait for nothing: a sync dependency would cost a trip to the thread pool each. Only a key that was not
seen lately takes one, to ask the store.
"""

from collections import Counter
from typing import Annotated

import structlog
from fastapi import Depends, Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.concurrency import run_in_threadpool

from orchestrator.api.rate_limits import READS, charge
from orchestrator.domain.api_key import Caller, Scope
from orchestrator.domain.errors import FieldError, InvalidParams, Unauthorized
from orchestrator.services.projects.admit import READ_COST
from orchestrator.wiring.api_parts import ApiParts

REPEATABLE = frozenset({"query.label"})


def parts_of(request: Request) -> ApiParts:
    parts: ApiParts = request.app.state.parts
    return parts


async def _parts(request: Request) -> ApiParts:
    return parts_of(request)


Parts = Annotated[ApiParts, Depends(_parts)]


class KeyWith(SecurityBase):
    """The holder of a key that has ``scope``: 401 without a live key, 429 over its rate, 403 without the scope."""

    scheme_name = "ApiKey"
    model = HTTPBearer(description="An API key of a project; the operation names the scope that it must have.")

    def __init__(self, scope: Scope, *, cost: int | None = None) -> None:
        self.scope = scope
        self.cost = cost

    async def __call__(self, request: Request) -> Caller:
        await _require_open(request)
        caller = await caller_of(request)
        structlog.contextvars.bind_contextvars(project=caller.project.slug, key_id=caller.key_id)
        await charge(request, caller, cost=self.cost)
        caller.require(self.scope)
        if request.scope["query_string"]:
            require_once(request)
        return caller


async def _require_open(request: Request) -> None:
    """Before the key: a store that has lost its records knows of none."""
    guard = parts_of(request).guard
    if guard is None:
        return
    if not guard.is_fresh:
        await run_in_threadpool(guard.ask)
    if guard.is_closed and request.method not in READS:
        guard.require_open()


def require_once(request: Request) -> None:
    """Only labels may be given several times; of anything else the framework would take the last and say nothing.

    Raises:
        InvalidParams: something is given twice.
    """
    given = Counter(name for name, _ in request.query_params.multi_items())
    twice = [FieldError(f"query.{name}", "Given more than once") for name in given if given[name] > 1]
    if any(flaw.field not in REPEATABLE for flaw in twice):
        raise InvalidParams("a parameter is given more than once", fields=twice)


async def caller_of(request: Request) -> Caller:
    """Whose key came with the request.

    Raises:
        Unauthorized: it is nobody's, or nobody's any more.
    """
    authenticate = request.app.state.parts.authenticate
    text = bearer_of(request.headers.get("Authorization", ""))
    caller: Caller = authenticate.recall(text) or await run_in_threadpool(authenticate.authenticate, text)
    return caller


def bearer_of(header: str) -> str:
    """The key in an `Authorization` header.

    Raises:
        Unauthorized: there is none.
    """
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "bearer" or not text:
        raise Unauthorized
    return text.strip()


TaskReader = Annotated[Caller, Security(KeyWith(Scope.TASKS_READ), scopes=[Scope.TASKS_READ])]
TaskPlanner = Annotated[Caller, Security(KeyWith(Scope.TASKS_READ, cost=READ_COST), scopes=[Scope.TASKS_READ])]
TaskWriter = Annotated[Caller, Security(KeyWith(Scope.TASKS_WRITE), scopes=[Scope.TASKS_WRITE])]
ModelAdmin = Annotated[Caller, Security(KeyWith(Scope.MODELS_ADMIN), scopes=[Scope.MODELS_ADMIN])]
ProjectAdmin = Annotated[Caller, Security(KeyWith(Scope.PROJECTS_ADMIN), scopes=[Scope.PROJECTS_ADMIN])]
MetricsReader = Annotated[Caller, Security(KeyWith(Scope.METRICS_READ), scopes=[Scope.METRICS_READ])]
