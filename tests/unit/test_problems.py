"""Every error of ours leaves as a problem with the right status, and none says more than it may."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator.api.examples import TASK_EXAMPLE
from orchestrator.api.problem_codes import CODES
from orchestrator.api.problems import ProblemResponse, render_error, render_internal
from orchestrator.api.schemas import TaskView
from orchestrator.domain import batch, errors, overload
from orchestrator.domain.errors import Category, DependencyError, FieldError, OrchestratorError

STATUSES = {
    errors.RequestError: 422,
    errors.InvalidParams: 422,
    batch.BatchInvalid: 422,
    errors.UnknownTaskType: 422,
    errors.UnsupportedMedia: 422,
    errors.MediaTooLarge: 422,
    errors.InputNotFound: 422,
    errors.InputChanged: 422,
    errors.InputRefused: 422,
    errors.NotFound: 404,
    errors.TaskNotFound: 404,
    errors.ProjectNotFound: 404,
    errors.KeyNotFound: 404,
    errors.UploadNotFound: 404,
    errors.UploadIncomplete: 409,
    errors.UploadComplete: 409,
    errors.ProjectExists: 409,
    errors.TooManyKeys: 409,
    errors.IdempotencyConflict: 409,
    errors.IllegalMove: 409,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.Overloaded: 503,
    overload.RateLimited: 429,
    overload.QuotaExceeded: 429,
    overload.QueueFull: 429,
    batch.BatchRefused: 429,
    overload.NotReady: 503,
    overload.ReadOnly: 503,
    errors.DependencyError: 502,
    errors.Unavailable: 503,
    errors.OutcomeUnknown: 503,
    errors.Refused: 502,
    errors.StageTimeout: 500,
    errors.RunEnded: 500,
    errors.StaleRun: 500,
    errors.RunCanceled: 500,
    errors.OrchestratorError: 500,
}


def _tree(kind: type[OrchestratorError]) -> Iterator[type[OrchestratorError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)


def _make(kind: type[OrchestratorError]) -> OrchestratorError:
    if issubclass(kind, DependencyError):
        return kind("words", service="redis", category=Category.NETWORK)
    return kind("words")


def _body(response: ProblemResponse) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(bytes(response.body))
    return body


def test_the_table_knows_every_error_of_the_domain() -> None:
    assert {
        kind
        for kind in _tree(OrchestratorError)
        if kind.__module__ in {errors.__name__, overload.__name__, batch.__name__}
    } == set(STATUSES)


@pytest.mark.parametrize("kind", STATUSES)
def test_status(kind: type[OrchestratorError]) -> None:
    response = render_error(_make(kind))
    body = _body(response)
    assert response.status_code == body["status"] == STATUSES[kind]
    assert response.media_type == "application/problem+json"
    assert body["code"] in CODES
    assert body["type"] == f"urn:orchestrator:problem:{body['code']}"
    if STATUSES[kind] != 500:
        assert body["detail"] == "words"
    if kind.code in CODES:
        assert body["code"] == kind.code


def test_a_code_that_clients_do_not_know_is_shown_as_that_of_its_kind() -> None:
    assert _body(render_error(errors.IllegalMove(code="generation_changed")))["code"] == "generation_changed"
    assert _body(render_error(errors.IllegalMove(code="of_our_own")))["code"] == "illegal_move"


def test_a_bug_says_nothing_of_itself() -> None:
    response = render_error(errors.StaleRun("run 7 of worker-3 lost its task"))
    assert response.body == render_internal().body
    assert b"worker-3" not in response.body


def test_later_says_when_in_whole_seconds_rounded_up() -> None:
    response = render_error(errors.Overloaded("full", retry_after_s=1.2))
    assert response.headers["Retry-After"] == "2"
    assert _body(response)["retry_after_s"] == 1.2


def test_an_unknown_outcome_names_the_task() -> None:
    error = errors.OutcomeUnknown("lost", service="redis", category=Category.NETWORK, task_id="task_1")
    assert _body(render_error(error))["task_id"] == "task_1"


def test_wrong_params_are_listed_by_field() -> None:
    error = errors.InvalidParams("do not fit", fields=[FieldError("params.scale", "must be 2 or 4")])
    assert _body(render_error(error))["errors"] == [{"field": "params.scale", "message": "must be 2 or 4"}]


def test_the_examples_of_the_document_are_real() -> None:
    TaskView.model_validate(TASK_EXAMPLE)


def test_a_message_that_is_not_unicode_can_be_sent() -> None:
    assert rb"\ud800" in render_error(errors.InvalidParams("\ud800")).body
