"""No key in a log, an error or a URL: wherever somebody puts one, its secret part is not repeated."""

import io
import logging

import httpx
import pytest
import structlog
from front_door import KEYS, FrontDoor

from orchestrator.api.problems import render_error
from orchestrator.domain.api_key import Scope
from orchestrator.domain.errors import InvalidParams
from orchestrator.telemetry import redact

KEY = KEYS["film-a"]
SECRET = KEY.rpartition("_")[2]


MISPLACED = {
    "in the query": ("GET", "/v1/tasks?api_key={key}", None),
    "in the path": ("GET", "/v1/tasks/{key}", None),
    "as a cursor": ("GET", "/v1/tasks?cursor={key}", None),
    "as the body": ("POST", "/v1/tasks", "{key}"),
    "as a field": ("POST", "/v1/tasks", {"{key}": 1}),
    "as a task type": ("POST", "/v1/tasks", {"type": "{key}"}),
    "as a parameter": ("POST", "/v1/tasks", {"type": "system.echo", "params": {"{key}": 1}}),
    "as the value of one": ("POST", "/v1/tasks", {"type": "system.echo", "params": {"size_bytes": "{key}"}}),
    "as an input": ("POST", "/v1/tasks", {"type": "image.upscale", "input": {"object": "{key}"}}),
    "as a content type": ("POST", "/v1/uploads", {"filename": "x", "content_type": "{key}", "size_bytes": 1}),
}


def filled_in(shape: object) -> object:
    if isinstance(shape, dict):
        return {filled_in(name): filled_in(value) for name, value in shape.items()}
    return shape.replace("{key}", KEY) if isinstance(shape, str) else shape


@pytest.mark.parametrize("where", MISPLACED)
def test_a_misplaced_key_is_not_repeated(door: FrontDoor, log: io.StringIO, where: str) -> None:
    method, path, body = MISPLACED[where]
    with door.caller() as caller:
        answer = caller.request(method, path.replace("{key}", KEY), json=filled_in(body))
    assert answer.status_code in {404, 422}
    assert SECRET not in answer.text + repr(answer.headers) + log.getvalue()


def test_neither_a_wrong_nor_a_limited_key_is_repeated(door: FrontDoor, log: io.StringIO) -> None:
    limited = door.make_key("film-a", Scope.METRICS_READ)
    for text in (limited, KEY[:-1] + "0", "some-secret-of-another-service"):
        with door.caller_with(text) as caller:
            answer = caller.get("/v1/tasks")
        assert answer.status_code in {401, 403}
        assert text.rpartition("_")[2] not in answer.text + repr(answer.headers) + log.getvalue()


def test_a_bug_is_logged_without_the_key_that_met_it(log: io.StringIO) -> None:
    bug, header = ZeroDivisionError(f"at {KEY}"), {"Authorization": "Bearer abc.def"}
    structlog.get_logger().error("http.crashed", path=f"/v1/{KEY}", header=header, exc_info=bug)
    logging.getLogger("uvicorn.error").warning("GET /?key=%s", KEY)
    said = log.getvalue()
    assert said.count("http.crashed") == 1
    assert "ZeroDivisionError" in said
    assert KEY.removesuffix(SECRET) in said, "which key it was may be told"
    assert SECRET not in said
    assert "abc.def" not in said


def test_our_own_words_do_not_pass_one_on() -> None:
    assert SECRET not in bytes(render_error(InvalidParams(f"what is {KEY}?")).body).decode()


def test_what_is_no_key_stays() -> None:
    said = '{"task_id": "task_01m82wee72bfd54k32vk1sb59e", "key_id": "key_01m82wee72bfd54k32vk1sb59e", "bearer": 1}'
    assert redact(said) == said


def test_keys_travel_in_a_header_only(door: FrontDoor) -> None:
    """A URL ends in the logs of everything on its way."""
    assert httpx.get(f"{door.url}/v1/tasks", params={"api_key": KEY}).status_code == 401
    with door.caller() as caller:
        caller.post("/v1/tasks", json={"type": "system.echo"})
        seen = caller.get("/v1/tasks").text + caller.get("/openapi.json").text
    assert SECRET not in seen
