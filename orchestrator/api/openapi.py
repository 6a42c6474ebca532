"""The OpenAPI document, where FastAPI's says too little: links between operations, media types, examples with nulls."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi.routing import APIRoute
from pydantic import BaseModel

from orchestrator.api.problems import PROBLEM_JSON

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Handle:
    """By what a thing is named: a parameter of paths, and a field of the thing itself."""

    parameter: str
    field: str


HANDLES: Mapping[str, Handle] = {
    "TaskView": Handle("task_id", "id"),
    "UploadView": Handle("upload_id", "id"),
    "UploadStateView": Handle("upload_id", "id"),
    "ProjectView": Handle("slug", "slug"),
    "NewKeyView": Handle("key_id", "id"),
}


def operation_id(route: APIRoute) -> str:
    """`tasks_submit`: short enough for the names of methods in generated clients."""
    tags = [str(tag).replace(" ", "_") for tag in route.tags]
    return "_".join([*tags, route.name])


def complete(document: Json) -> None:
    """Say in the document what FastAPI leaves out."""
    for _, operation in _operations(document):
        for response in operation["responses"].values():
            _name_problem_json(response)
    _link_operations(document)
    _show_examples_whole(document["components"]["schemas"])


def _name_problem_json(response: Json) -> None:
    """Errors have a media type of their own."""
    if _shape(response) == "Problem":
        response["content"] = {PROBLEM_JSON: response["content"]["application/json"]}


def _show_examples_whole(schemas: Json) -> None:
    """FastAPI drops what is null, from examples, too, which makes them invalid."""
    for model in _models(BaseModel):
        extra = model.model_config.get("json_schema_extra")
        if model.__name__ in schemas and isinstance(extra, dict) and "examples" in extra:
            schemas[model.__name__]["examples"] = extra["examples"]


def _models(kind: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for child in kind.__subclasses__():
        yield from (child, *_models(child))


def _link_operations(document: Json) -> None:
    """Let each answer that shows a thing lead to every operation on one such thing."""
    for _, operation in _operations(document):
        for response in operation["responses"].values():
            handle = HANDLES.get(_shape(response))
            if handle is not None:
                response["links"] = dict(_links(document, handle))


def _links(document: Json, handle: Handle) -> Iterator[tuple[str, Json]]:
    parameters = {handle.parameter: f"$response.body#/{handle.field}"}
    for path, operation in _operations(document):
        if f"{{{handle.parameter}}}" in path:
            name = operation["operationId"]
            yield name, {"operationId": name, "parameters": parameters}


def _shape(response: Json) -> str:
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _operations(document: Json) -> Iterator[tuple[str, Json]]:
    for path, operations in document["paths"].items():
        for operation in operations.values():
            yield path, operation
