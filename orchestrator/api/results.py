"""`/v1/tasks/{id}/result`: the result alone, however large, compressed for whoever takes that."""

import re
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import StreamingResponse
from pydantic_core import to_json

from orchestrator.api.deps import Parts, TaskReader
from orchestrator.api.problems import OF_ONE_THING, Documented, problem_docs
from orchestrator.api.tasks import TaskId
from orchestrator.domain.stored_result import find_stored

router = APIRouter(prefix="/v1/tasks", tags=["tasks"])

ZSTD = "zstd"
JSON = "application/json"
REFUSED = re.compile(r"q=0(\.0*)?")
VARIES = {"Vary": "Accept-Encoding"}
DOCS: Documented = {
    **problem_docs(OF_ONE_THING),
    int(HTTPStatus.OK): {"description": "A JSON object, null as long as there is none.", "content": {JSON: {}}},
}


@router.get("/{task_id}/result", responses=DOCS, response_class=Response)
def get_result(
    task_id: TaskId, caller: TaskReader, parts: Parts, accept_encoding: Annotated[str, Header()] = ""
) -> Response:
    """The result of a task. One of more than 16 kB is in no other answer."""
    task = parts.reads.get(caller.project.slug, task_id)
    stored = find_stored(task.result)
    if stored is None:
        return Response(to_json(task.result), media_type=JSON, headers=VARIES)
    as_stored = takes(accept_encoding, ZSTD)
    headers = {**VARIES, "Content-Encoding": ZSTD} if as_stored else VARIES
    return StreamingResponse(parts.results.read(stored, as_stored=as_stored), media_type=JSON, headers=headers)


def takes(accepted: str, coding: str) -> bool:
    """Whether an `Accept-Encoding` names the coding and does not refuse it (RFC 9110, section 12.5.3)."""
    for each in accepted.lower().split(","):
        name, *weights = (part.strip() for part in each.split(";"))
        if name == coding:
            return not any(map(REFUSED.fullmatch, weights))
    return False
