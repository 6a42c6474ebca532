"""Which HTTP status and which `code` an error of ours has outside: the only place that knows.

The codes are a closed set. They stand in the OpenAPI document and in docs/http.md, and the client has an exception for
each (`client/errors.py`).
"""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from itertools import chain

from orchestrator.domain import batch, delivery, errors, model, overload, release_errors, swap, webhook
from orchestrator.domain.errors import OrchestratorError

# The nearest class in the error's own ancestry decides.
STATUSES: Mapping[type[OrchestratorError], HTTPStatus] = {
    errors.Unauthorized: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.IdempotencyConflict: HTTPStatus.CONFLICT,
    errors.IllegalMove: HTTPStatus.CONFLICT,
    errors.ProjectExists: HTTPStatus.CONFLICT,
    errors.TooManyKeys: HTTPStatus.CONFLICT,
    webhook.TooManyWebhooks: HTTPStatus.CONFLICT,
    swap.SwapInProgress: HTTPStatus.CONFLICT,
    swap.NothingToRollBack: HTTPStatus.CONFLICT,
    release_errors.ReleaseExists: HTTPStatus.CONFLICT,
    release_errors.ReleaseInUse: HTTPStatus.CONFLICT,
    errors.UploadIncomplete: HTTPStatus.CONFLICT,
    errors.UploadComplete: HTTPStatus.CONFLICT,
    errors.RequestError: HTTPStatus.UNPROCESSABLE_ENTITY,
    overload.RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    overload.QuotaExceeded: HTTPStatus.TOO_MANY_REQUESTS,
    overload.QueueFull: HTTPStatus.TOO_MANY_REQUESTS,
    batch.BatchRefused: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Overloaded: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DependencyError: HTTPStatus.BAD_GATEWAY,
    errors.OrchestratorError: HTTPStatus.INTERNAL_SERVER_ERROR,
}

# What the framework itself refuses before any route runs.
FRAMEWORK_CODES: Mapping[int, str] = {
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "body_too_large",
}

FRAMEWORK_WORDS: Mapping[int, str] = {
    HTTPStatus.NOT_FOUND: "nothing is called by this path; GET /openapi.json has every call",
    HTTPStatus.METHOD_NOT_ALLOWED: "this path is not called with this method; Allow says with which",
}

DEFINE_ERRORS = (errors, overload, batch, delivery, webhook, model, swap, release_errors)
FINER = frozenset({"generation_changed", "store_not_writable", "too_many_streams"})  # than the code of their class
OF_RUNS = frozenset({errors.InputChanged, errors.InputRefused})  # a task fails with them, no request does
NOBODYS = frozenset({errors.DependencyError})  # it is always one of its children


def status_of(kind: type[OrchestratorError]) -> HTTPStatus:
    return next(STATUSES[ancestor] for ancestor in kind.__mro__ if ancestor in STATUSES)


def code_of(error: OrchestratorError) -> str:
    """The error's own code if clients know it, else that of its nearest ancestor that they know."""
    known = (getattr(kind, "code", "") for kind in type(error).__mro__)
    return error.code if error.code in CODES else next(code for code in known if code in CODES)


def _codes() -> Iterator[str]:
    for kind in chain.from_iterable(vars(module).values() for module in DEFINE_ERRORS):
        if isinstance(kind, type) and issubclass(kind, OrchestratorError) and kind not in OF_RUNS | NOBODYS:
            yield OrchestratorError.code if status_of(kind) is HTTPStatus.INTERNAL_SERVER_ERROR else kind.code
    yield from FRAMEWORK_CODES.values()
    yield from FINER


CODES = tuple(sorted(set(_codes())))
