"""Every exception that httpx has, and every answer of Payload that we know of, has a meaning (payload facts 3)."""

import httpx
import pytest

from orchestrator.adapters.payload_cms.status import CLASSES, is_taken, parse_answer, read_reasons, translated
from orchestrator.domain.content import FAULTY
from orchestrator.domain.errors import OrchestratorError, Overloaded, Refused, Unavailable

# Raised when a body that was streamed is used wrongly: none is streamed here, so that would be a fault of ours.
OURS = {"RequestNotRead", "ResponseNotRead", "StreamClosed", "StreamConsumed", "StreamError"}
NEVER = {
    "CookieConflict", "HTTPStatusError", "InvalidURL", "LocalProtocolError", "TooManyRedirects", "UnsupportedProtocol",
}  # fmt: skip
WENT_WRONG = {"errors": [{"message": "Something went wrong."}]}


def flaw(path: str, message: str) -> dict[str, object]:
    inner = {"collection": "projects", "errors": [{"message": message, "path": path}]}
    return {
        "errors": [{"name": "ValidationError", "data": inner, "message": f"The following field is invalid: {path}"}]
    }


def said(status: int, body: object = None, *, text: str = "", **headers: str) -> httpx.Response:
    return (
        httpx.Response(status, json=body, headers=headers)
        if body is not None
        else httpx.Response(status, text=text, headers=headers)
    )


LOCKED = "Document with ID 1 is currently locked by another user and cannot be updated."
UNABLE = {
    "docs": [],
    "errors": [{"id": 2, "isPublic": True, "message": "The following field is invalid: externalId"}],
    "message": "Unable to update 1 out of 1 Inference Job.",
}
# One line for each row of the facts' table of failures, then what only proxies say.
ANSWERS = [
    (said(400, flaw("slug", "Value must be unique")), Refused, "content_invalid"),
    (said(400, UNABLE), Refused, "content_invalid"),
    (said(400, flaw("slug", "This field is required.")), Refused, "content_invalid"),
    (said(400, flaw("status", "This field has an invalid selection.")), Refused, "content_invalid"),
    (said(400, flaw("result", "This field has an invalid input.")), Refused, "content_invalid"),
    (
        said(400, {"errors": [{"name": "QueryError", "data": [{"path": "bogus"}], "message": "no such path"}]}),
        Refused,
        "content_invalid",
    ),
    (said(400, {"errors": [{"message": "Missing 'where' query of documents to update."}]}), Refused, "content_invalid"),
    (said(400, {"errors": [{"message": "Invalid JSON"}]}), Refused, "content_invalid"),
    (said(400, {"errors": [{"message": "No files were uploaded."}]}), Refused, "content_invalid"),
    (said(500, WENT_WRONG), Unavailable, FAULTY),
    (said(403, {"errors": [{"message": "You are not allowed to perform this action."}]}), Refused, "content_forbidden"),
    (said(401, {"message": "Unauthorized, you must be logged in to make this request."}), Refused, "content_forbidden"),
    (said(404, {"errors": [{"message": "Not Found"}]}), Refused, "content_not_found"),
    (said(404, {"message": 'Route not found "/api/nothing"'}), Refused, "content_not_found"),
    (said(423, {"errors": [{"message": LOCKED}]}), Unavailable, "dependency_unavailable"),
    (
        said(413, {"errors": [{"name": "APIError", "data": {"size": 1}, "message": "too large"}]}),
        Refused,
        "content_too_large",
    ),
    (said(308, location="/api/projects"), Refused, "content_refused"),
    (said(429, text="<html>"), Overloaded, "overloaded"),
    (said(502, text="<html>"), Unavailable, "dependency_unavailable"),
    (said(503, text="<html>"), Unavailable, "dependency_unavailable"),
    (said(504, text="<html>"), Unavailable, "dependency_unavailable"),
    (said(500, text="<html>"), Unavailable, "dependency_unavailable"),
    (said(507, text=""), Unavailable, "dependency_unavailable"),
    (said(418, text=""), Refused, "content_refused"),
]


def exceptions_of_httpx() -> dict[str, type[Exception]]:
    found = {name: getattr(httpx, name) for name in httpx.__all__}
    return {name: kind for name, kind in found.items() if isinstance(kind, type) and issubclass(kind, Exception)}


def test_every_exception_of_httpx_is_mapped() -> None:
    found = exceptions_of_httpx()
    assert len(found) > 20
    unmapped = {name for name, kind in found.items() if not issubclass(kind, tuple(CLASSES))}
    assert unmapped == OURS


@pytest.mark.parametrize("name", sorted(set(exceptions_of_httpx()) - OURS))
def test_another_try_helps_or_not(name: str) -> None:
    kind = exceptions_of_httpx()[name]
    expected: type[OrchestratorError] = Refused if name in NEVER else Unavailable
    with pytest.raises(expected) as ours, translated():
        raise kind.__new__(kind)
    assert isinstance(ours.value.__cause__, kind)


@pytest.mark.parametrize(("answer", "kind", "code"), ANSWERS)
def test_every_answer_has_a_meaning(answer: httpx.Response, kind: type[OrchestratorError], code: str) -> None:
    ours = parse_answer(answer)
    assert (type(ours), ours.code) == (kind, code)
    assert "Payload" not in str(ours)


@pytest.mark.parametrize("status", [429, 503])
def test_a_pause_that_is_asked_for_is_kept(status: int) -> None:
    ours = parse_answer(httpx.Response(status, headers={"Retry-After": "17"}))
    assert isinstance(ours, Overloaded)
    assert ours.retry_after_s == 17


@pytest.mark.parametrize(
    ("answer", "reasons"),
    [
        (said(400, flaw("slug", "Value must be unique")), [("slug", "Value must be unique")]),
        (said(400, {"errors": [{"data": [{"path": "bogus"}], "message": "no"}]}), [("bogus", "no")]),
        (said(500, WENT_WRONG), [("", "Something went wrong.")]),
        (said(404, {"message": "Route not found"}), [("", "Route not found")]),
        (said(502, text="<html>"), []),
        (said(400, ["odd"]), []),
    ],
)
def test_reasons_are_found_in_all_four_shapes(answer: httpx.Response, reasons: list[tuple[str, str]]) -> None:
    assert list(read_reasons(answer)) == reasons


def test_only_the_key_itself_being_taken_means_that_the_document_is_there() -> None:
    taken = said(400, flaw("externalId", "Value must be unique"))
    assert is_taken(taken, "externalId")
    assert not is_taken(taken, "slug")
    assert not is_taken(said(400, flaw("externalId", "This field is required.")), "externalId")
