"""Errors over HTTP, as RFC 9457 problem details."""

import json
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from orchestrator.api.problem_codes import FRAMEWORK_CODES, FRAMEWORK_WORDS, code_of, status_of
from orchestrator.api.schemas import FieldProblem, Problem
from orchestrator.domain.batch import BatchRefused
from orchestrator.domain.errors import (
    FieldError,
    InvalidParams,
    NotFound,
    OrchestratorError,
    OutcomeUnknown,
    Overloaded,
    RequestError,
    Unauthorized,
)
from orchestrator.domain.overload import ReadOnly
from orchestrator.pipelines.submission import words_of
from orchestrator.telemetry import redact

log = structlog.get_logger()

PROBLEM_JSON = "application/problem+json"
NOT_READY = HTTPStatus.SERVICE_UNAVAILABLE
LATER = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
RETRY_AFTER_S = 2.0

AUTHENTICATED = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
WITH_BODY = (*AUTHENTICATED, HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
OF_ONE_THING = (*AUTHENTICATED, HTTPStatus.NOT_FOUND)
SUBMITS = (*WITH_BODY, HTTPStatus.CONFLICT)
RETRIES = (*WITH_BODY, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)

Documented = dict[int | str, dict[str, Any]]


def problem_docs(statuses: Sequence[HTTPStatus]) -> Documented:
    """The OpenAPI entries of the problems that a route can answer with."""
    return {int(status): {"model": Problem, "description": status.phrase} for status in statuses}


class ProblemResponse(JSONResponse):
    """A problem. ASCII only: a message may quote text that is not valid Unicode. Nor does it quote a key."""

    media_type = PROBLEM_JSON

    def render(self, content: object) -> bytes:
        return redact(json.dumps(content, separators=(",", ":"))).encode("ascii")


def render_internal() -> ProblemResponse:
    """A bug of ours: nothing about it leaves the house."""
    detail = "Something went wrong here. The X-Request-Id of this answer finds it in our log."
    return _respond(_describe(HTTPStatus.INTERNAL_SERVER_ERROR, OrchestratorError.code, detail=detail))


def render_error(error: OrchestratorError) -> ProblemResponse:
    """One of our errors as a problem."""
    problem = describe_error(error)
    headers: dict[str, str] = {}
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return render_internal()
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if problem.retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(problem.retry_after_s))
    return _respond(problem, headers)


def describe_error(error: OrchestratorError) -> Problem:
    """What is wrong, in words for clients; a bug of ours is for `render_internal`."""
    problem = _describe(status_of(type(error)), code_of(error), detail=str(error))
    if problem.status in LATER:
        problem.retry_after_s = error.retry_after_s if isinstance(error, Overloaded) else RETRY_AFTER_S
    if isinstance(error, OutcomeUnknown):
        problem.task_id = error.task_id
    if isinstance(error, InvalidParams | BatchRefused) and error.fields:
        problem.errors = _render_fields(error.fields)
    return problem


def _describe(status: int, code: str, *, detail: str) -> Problem:
    title = HTTPStatus(status).phrase
    return Problem(type=f"urn:orchestrator:problem:{code}", title=title, status=status, code=code, detail=detail)


def _respond(problem: Problem, headers: Mapping[str, str] | None = None) -> ProblemResponse:
    body = problem.model_dump(mode="json", exclude_none=True)
    return ProblemResponse(body, status_code=problem.status, headers=headers)


def _render_fields(fields: Sequence[FieldError]) -> list[FieldProblem]:
    return [FieldProblem(field=flaw.field, message=flaw.message, code=flaw.code) for flaw in fields]


def _parse_flaw(flaw: Mapping[str, Any]) -> FieldError:
    """What pydantic or FastAPI says is wrong with a request."""
    if flaw["type"] == "json_invalid":
        return FieldError(field="body", message=f"not JSON from its character {flaw['loc'][-1]} on")
    return FieldError(field=".".join(map(str, flaw["loc"])).removeprefix("body."), message=words_of(flaw["msg"]))


def _unless_closed(request: Request, error: OrchestratorError) -> OrchestratorError:
    """What is unknown to a store that is made anew may be there in a moment: nobody is to give up for that."""
    guard = request.app.state.parts.guard
    is_closed = guard is not None and guard.is_closed
    return ReadOnly() if is_closed and isinstance(error, NotFound | Unauthorized) else error


def add_problem_responses(app: FastAPI) -> None:
    """Let every refusal of the application, ours or the framework's, leave as a problem. "Later" is counted by code."""

    @app.exception_handler(OrchestratorError)
    async def ours(request: Request, error: OrchestratorError) -> ProblemResponse:
        error = _unless_closed(request, error)
        response = render_error(error)
        if isinstance(error, Overloaded):
            request.app.state.parts.refusals.labels(error.code).inc()
        if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            # A refusal for want of room is no failure; under load its traceback would cost more than the refusal.
            cause = None if isinstance(error, Overloaded) else error
            log.warning("http.failed", code=error.code, status=response.status_code, exc_info=cause)
        return response

    @app.exception_handler(RequestValidationError)
    async def shape(_: Request, error: RequestValidationError) -> ProblemResponse:
        fields = [_parse_flaw(flaw) for flaw in error.errors()]
        detail = "the request does not have the documented shape"
        problem = _describe(HTTPStatus.UNPROCESSABLE_ENTITY, RequestError.code, detail=detail)
        problem.errors = _render_fields(fields)
        return _respond(problem)

    @app.exception_handler(HTTPException)
    async def framework(_: Request, error: HTTPException) -> ProblemResponse:
        code = FRAMEWORK_CODES.get(error.status_code, RequestError.code)
        detail = FRAMEWORK_WORDS.get(error.status_code, error.detail)
        return _respond(_describe(error.status_code, code, detail=detail), error.headers)
