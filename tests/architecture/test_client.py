"""The client knows everything that the service can answer, and nothing else of this package."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from openapi_document import read_document

from orchestrator.api.problem_codes import CODES
from orchestrator.client import ApiError, api_error, errors
from orchestrator.pipelines.registry import PIPELINES

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "orchestrator" / "client"
ERROR_ROW = re.compile(r"^\| [0-9, ]+ \| (.+?) \|", re.MULTILINE)

# What the client finds without the service.
ITS_OWN = {"unreachable", "unexpected_answer", "upload_failed", "download_failed", "file_changed"}
# What a task can fail with, a delivery or a command: no request is answered with it.
NEVER_ANSWERED = {
    "address_refused",
    "bad_settings",
    "certificate_invalid",
    "crashed",
    "crashed_repeatedly",
    "decode_failed",
    "echo_failed",
    "endpoint_disabled",
    "endpoint_unknown",
    "expired",
    "fetch_timeout",
    "input_missing",
    "name_not_found",
    "no_bucket",
    "object_exists",
    "receiver_busy",
    "receiver_failed",
    "receiver_gone",
    "receiver_redirects",
    "receiver_timeout",
    "receiver_unreachable",
    "secret_sealed",
    "run_for_exceeded",
}


def test_each_code_of_the_service_has_its_own_exception_and_no_other() -> None:
    assert set(ApiError.kinds) - ITS_OWN == set(CODES)
    assert len(set(ApiError.kinds.values())) == len(ApiError.kinds)
    assert all(vars(errors)[kind.__name__] is kind for kind in ApiError.kinds.values())


def test_each_code_of_the_service_is_in_the_table_of_the_page() -> None:
    page = (ROOT / "docs" / "http.md").read_text(encoding="utf-8").partition("\n## Errors\n")[2]
    assert {code for row in ERROR_ROW.findall(page) for code in re.findall(r"`(\w+)`", row)} == set(CODES)


def test_each_code_that_is_given_by_hand_is_known() -> None:
    """A code that `problem_codes` does not list would be shown as that of its class, and nobody would hear of it."""
    paths = [path for path in (ROOT / "orchestrator").rglob("*.py") if path.parent.name != "client"]
    given = {code for path in paths for code in codes_by_hand(path.read_text(encoding="utf-8"))}
    assert given - set(CODES) == NEVER_ANSWERED


def codes_by_hand(text: str) -> Iterator[str]:
    for call in ast.walk(ast.parse(text)):
        for keyword in call.keywords if isinstance(call, ast.Call) else ():
            if keyword.arg == "code" and isinstance(keyword.value, ast.Constant):
                yield str(keyword.value.value)


@pytest.mark.parametrize("code", sorted(CODES))
def test_what_the_service_answers_is_raised(code: str) -> None:
    error = api_error.parse_error({"code": code, "detail": "words"}, status=400, request_id="r-1")
    assert type(error) is ApiError.kinds[code]
    assert (error.code, str(error), error.request_id) == (code, "words", "r-1")


def test_a_code_of_tomorrow_is_an_error_all_the_same() -> None:
    error = api_error.parse_error({"code": "of_tomorrow", "detail": "words"}, status=400, request_id=None)
    assert (type(error), error.code) == (ApiError, "of_tomorrow")


def test_the_client_needs_httpx_and_nothing_else() -> None:
    imported = {name for path in CLIENT.glob("*.py") for name in imports(path.read_text(encoding="utf-8"))}
    foreign = {name for name in imported if name.partition(".")[0] not in sys.stdlib_module_names}
    assert {name for name in foreign if not name.startswith("orchestrator.client")} == {"httpx"}


def test_the_client_reaches_every_call_of_the_service() -> None:
    """But the probes and the metrics, which are for machines."""
    asked = {call for path in CLIENT.glob("*.py") for call in calls(path.read_text(encoding="utf-8"))}
    missing = {
        (method, path)
        for path, operations in read_document()["paths"].items()
        for method in map(str.upper, operations)
        if path.startswith("/v1/") and not any(verb == method and shape.fullmatch(path) for verb, shape in asked)
    }
    assert missing == set()


def calls(text: str) -> Iterator[tuple[str, re.Pattern[str]]]:
    """Each ``Call(method, path)``, and each path that stands alone, which is followed."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Call":
            method, path = node.args[:2]
            yield ast.literal_eval(method), shape_of(path)
        elif isinstance(node, ast.IfExp):
            yield from (("GET", shape_of(path)) for path in (node.body, node.orelse))


def shape_of(path: ast.expr) -> re.Pattern[str]:
    parts = path.values if isinstance(path, ast.JoinedStr) else [path]
    texts = [str(part.value) if isinstance(part, ast.Constant) else None for part in parts]
    return re.compile("".join("[^/]+" if text is None else re.escape(text) for text in texts))


def imports(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


def test_no_task_type_has_a_parameter_that_the_client_means_otherwise() -> None:
    assert not [name for name, pipeline in PIPELINES.items() if "options" in pipeline.params.model_fields]
