"""What Payload's answers and httpx's failures mean to us (payload facts 3, Failure)."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx
import structlog

from orchestrator.domain.content import FAULTY
from orchestrator.domain.errors import Category, OrchestratorError, Overloaded, Refused, Unavailable

SERVICE = "payload"
MOST_LOGGED = 1000
TAKEN = "Value must be unique"
WENT_WRONG = "Something went wrong."
LOCKED = "is currently locked by another user"

Meaning = Callable[[], OrchestratorError]

log = structlog.get_logger()


def _unavailable(message: str, *, code: str | None = None) -> Meaning:
    return partial(Unavailable, message, service=SERVICE, category=Category.CMS, code=code)


def _refused(message: str, code: str) -> Meaning:
    return partial(Refused, message, service=SERVICE, category=Category.CMS, code=code)


failed = _unavailable("the CMS failed")

# Most specific first.
CLASSES: Mapping[type[Exception], Meaning] = {
    httpx.UnsupportedProtocol: _refused("the address of the CMS is not one of the web", "content_misconfigured"),
    httpx.LocalProtocolError: _refused("the CMS cannot be asked for that", "content_misconfigured"),
    httpx.TooManyRedirects: _refused("the address of the CMS leads elsewhere", "content_misconfigured"),
    httpx.InvalidURL: _refused("the address of the CMS is no URL", "content_misconfigured"),
    httpx.CookieConflict: _refused("the CMS cannot be asked for that", "content_misconfigured"),
    httpx.HTTPStatusError: _refused("the CMS refused", "content_refused"),
    httpx.ConnectError: _unavailable("the CMS cannot be reached"),
    httpx.ConnectTimeout: _unavailable("the CMS cannot be reached"),
    httpx.PoolTimeout: _unavailable("all connections to the CMS are in use"),
    httpx.TimeoutException: _unavailable("the CMS fell silent"),
    httpx.DecodingError: _unavailable("the answer of the CMS cannot be read"),
    httpx.TransportError: _unavailable("the connection to the CMS broke off"),
    httpx.RequestError: _unavailable("the connection to the CMS broke off"),
    httpx.HTTPError: _unavailable("the connection to the CMS broke off"),
}

# 429, 502 and 504 come from proxies: Payload itself limits no rate.
ANSWERS: Mapping[int, Meaning] = {
    400: _refused("the CMS does not accept the document", "content_invalid"),
    401: _refused("the CMS does not know this node", "content_forbidden"),
    403: _refused("the CMS does not let this node do that", "content_forbidden"),
    404: _refused("the CMS has no such collection or document", "content_not_found"),
    408: _unavailable("the CMS fell silent"),
    413: _refused("the file is too large for the CMS", "content_too_large"),
    423: _unavailable("somebody edits the document"),
    429: partial(Overloaded, "the CMS asks for a pause"),
    500: _unavailable("the CMS met a fault of its own", code=FAULTY),
    502: _unavailable("the CMS cannot be reached"),
    503: _unavailable("the CMS is not available"),
    504: _unavailable("the CMS cannot be reached"),
}


def parse_answer(answer: httpx.Response) -> OrchestratorError:
    """Our error for an answer that is not the wished one. What it says itself is for the log."""
    reasons = list(read_reasons(answer))
    log.warning("content.answered", status=answer.status_code, reasons=str(reasons)[:MOST_LOGGED])
    if answer.status_code == httpx.codes.BAD_REQUEST:
        return _hidden(reasons) or ANSWERS[answer.status_code]()
    pause = answer.headers.get("retry-after", "")
    if answer.status_code in {429, 503} and pause.isdecimal():
        return Overloaded("the CMS asks for a pause", retry_after_s=float(pause))
    if answer.status_code == httpx.codes.INTERNAL_SERVER_ERROR and not reasons:
        return failed()  # a proxy, or Next that does not compile
    unknown = failed if answer.is_server_error else _refused("the CMS refused", "content_refused")
    return ANSWERS.get(answer.status_code, unknown)()


def _hidden(reasons: Iterable[tuple[str, str]]) -> OrchestratorError | None:
    """A PATCH by a query answers 400 whatever went wrong with the document, and says only there what it was."""
    said = [reason for _, reason in reasons]
    if any(LOCKED in reason for reason in said):
        return ANSWERS[423]()
    return ANSWERS[500]() if WENT_WRONG in said else None


def is_taken(answer: httpx.Response, field: str) -> bool:
    """Whether a document with this value of ``field`` is there already."""
    flaws = read_reasons(answer)
    return answer.status_code == httpx.codes.BAD_REQUEST and any(flaw == (field, TAKEN) for flaw in flaws)


def read_reasons(answer: httpx.Response) -> Iterator[tuple[str, str]]:
    """(field, reason) of every flaw, in whichever of its shapes Payload says it; HTML says nothing."""
    try:
        said = answer.json()
    except ValueError:
        return
    if not isinstance(said, dict):
        return
    errors = [error for error in said.get("errors") or [] if isinstance(error, dict)]
    for error in errors:
        yield from _flaws_of(error)
    if not errors and "message" in said:
        yield "", str(said["message"])


def _flaws_of(error: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    data, message = error.get("data"), str(error.get("message", ""))
    inner = data.get("errors") if isinstance(data, dict) else data
    flaws = [flaw for flaw in inner if isinstance(flaw, dict)] if isinstance(inner, list) else []
    for flaw in flaws:
        yield str(flaw.get("path", "")), str(flaw.get("message", message))
    if not flaws:
        yield "", message


@contextmanager
def translated() -> Iterator[None]:
    """Errors of httpx leave this block as ours."""
    try:
        yield
    except tuple(CLASSES) as error:
        raise next(meaning() for kind, meaning in CLASSES.items() if isinstance(error, kind)) from error
