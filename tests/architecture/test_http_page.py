"""docs/http.md is whole: each call of the OpenAPI document with curl, and its examples, which are valid."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator
from openapi_document import read_document
from sse import parse_events

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "http.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
CURL = re.compile(r"curl -s.*?(?=$|\)|; )", re.MULTILINE)
TARGET = re.compile(r"\$API(/[^\s\"'?;]*)")
METHOD = re.compile(r" -X (\w+)")
ANSWER = re.compile(r"^# (\{[^…]*\})$", re.MULTILINE)
BODY = re.compile(r" -d '(.*?)'", re.DOTALL)


DOCUMENT = read_document()
ROUTES = [f"{method.upper()} {path}" for path, operations in DOCUMENT["paths"].items() for method in operations]
SHAPES: dict[str, Any] = DOCUMENT["components"]["schemas"]
EXAMPLES = [(name, example) for name, shape in SHAPES.items() for example in shape.get("examples", ())]
ASKED = {
    ref.rpartition("/")[2]
    for operations in DOCUMENT["paths"].values()
    for operation in operations.values()
    for ref in re.findall(r"#/components/schemas/\w+", json.dumps(operation.get("requestBody", {})))
}


def blocks(language: str) -> Iterator[str]:
    return (text.replace("\\\n", " ") for found, text in BLOCK.findall(PAGE) if found == language)


def calls() -> Iterator[str]:
    """Each call that a block of the page makes with curl."""
    for curl in (curl for block in blocks("sh") for curl in CURL.findall(block)):
        target, method = TARGET.search(curl), METHOD.search(curl)
        if target:
            yield f"{method[1] if method else 'POST' if ' -d ' in curl else 'GET'} {target[1]}"


def bodies() -> Iterator[Any]:
    """The JSON of the page: what is sent, and what is answered."""
    for block in blocks("sh"):
        yield from map(json.loads, BODY.findall(block))
        yield from map(json.loads, ANSWER.findall(block))
    yield from map(json.loads, blocks("json"))


@pytest.mark.parametrize("route", ROUTES)
def test_each_call_is_shown_with_curl(route: str) -> None:
    shape = re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(route)))
    assert any(shape.fullmatch(call) for call in calls())


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_each_example_is_valid_and_on_the_page(name: str, example: Any) -> None:  # noqa: ANN401 - any JSON
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    Draft202012Validator(schema).validate(example)
    assert example in list(bodies())


def test_the_example_of_a_stream_is_one() -> None:
    stream = DOCUMENT["paths"]["/v1/tasks/{task_id}/events"]["get"]["responses"]["200"]["content"]["text/event-stream"]
    seen = list(parse_events(stream["example"].splitlines()))
    assert [event.word for event in seen] == ["running", "progress"]
    assert {event.name for event in seen} <= set(stream["schema"]["properties"]["event"]["enum"])
    assert [line for line in stream["example"].splitlines() if line not in PAGE] == []


@pytest.mark.parametrize("name", sorted(ASKED))
def test_each_body_that_is_asked_for_has_an_example(name: str) -> None:
    assert SHAPES[name].get("examples")


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for found in DOCUMENT["paths"].values() for operation in found.values()]
    assert len(set(names)) == len(names)
