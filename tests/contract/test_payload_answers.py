"""Every answer by which a real Payload fails, row by row of the table in the payload facts (3, Failure)."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from payload_cms_server import Payload

from orchestrator.adapters.payload_cms import PayloadAddress, PayloadApi
from orchestrator.adapters.payload_cms.status import parse_answer
from orchestrator.domain.content import FAULTY
from orchestrator.domain.errors import OrchestratorError, Refused, Unavailable

JOBS, MEDIA = "/inference-jobs", "/media"
JSON = {"Content-Type": "application/json"}
PARTS = {"Content-Type": "multipart/form-data; boundary=x"}
OF_TWO = {"where[externalId][equals]": "two"}


@dataclass(frozen=True)
class Row:
    """A request that fails, and what we make of it."""

    method: str
    path: str
    body: dict[str, Any] = field(default_factory=dict)
    status: int = 400
    kind: type[OrchestratorError] = Refused
    code: str = "content_invalid"
    params: dict[str, str] = field(default_factory=dict)


def entry(**fields: object) -> dict[str, Any]:
    return {"json": {"type": "system.echo", **fields}}


def picture(content: bytes, name: str) -> dict[str, Any]:
    return {"data": {"_payload": "{}"}, "files": {"file": (name, content, "image/png")}}


# `{two}` stands for the id of the document with the externalId "two"; there is one that is called "one", too.
ROWS = {
    "unique": Row("POST", JOBS, entry(externalId="one")),
    "unique by id": Row("PATCH", f"{JOBS}/{{two}}", entry(externalId="one")),
    "unique by where": Row("PATCH", JOBS, entry(externalId="one"), params=OF_TWO),
    "required": Row("POST", JOBS, {"json": {"externalId": "three"}}),
    "select": Row("POST", JOBS, entry(status="odd")),
    "number": Row("POST", JOBS, entry(progress=2)),
    "date": Row("POST", JOBS, entry(completedAt="some day")),
    "text": Row("POST", JOBS, entry(externalId="x" * 40_001)),
    "json": Row("POST", JOBS, entry(result="text")),
    "shape of a relation": Row("POST", JOBS, entry(outputs=["abc"])),
    "relation to nothing": Row("POST", JOBS, entry(outputs=[4711]), 500, Unavailable, FAULTY),
    "relation to nothing by where": Row(
        "PATCH", JOBS, entry(outputs=[4711]), kind=Unavailable, code=FAULTY, params=OF_TWO
    ),
    "unknown field of a query": Row("GET", JOBS, params={"where[bogus][equals]": "1"}),
    "unknown operator of a query": Row("GET", JOBS, params={"where[status][bogus]": "1"}),
    "no query": Row("PATCH", JOBS, entry()),
    "malformed": Row("POST", JOBS, {"content": b"{", "headers": JSON}),
    "no body": Row("POST", JOBS, {}, 500, Unavailable, FAULTY),
    "broken multipart": Row("POST", MEDIA, {"content": b"--x\r\n", "headers": PARTS}, 500, Unavailable, FAULTY),
    "malformed multipart": Row(
        "POST", MEDIA, {"data": {"_payload": "{"}, "files": {"file": b"1"}}, 500, Unavailable, FAULTY
    ),
    "password": Row(
        "POST",
        "/users/login",
        {"json": {"email": "nobody@example.com", "password": "wrong"}},
        401,
        Refused,
        "content_forbidden",
    ),
    "no document": Row("GET", f"{JOBS}/4711", {}, 404, Refused, "content_not_found"),
    "no document to change": Row("PATCH", f"{JOBS}/4711", entry(), 404, Refused, "content_not_found"),
    "no document to delete": Row("DELETE", f"{JOBS}/4711", {}, 404, Refused, "content_not_found"),
    "shape of an id": Row("GET", f"{JOBS}/abc", {}, 500, Unavailable, FAULTY),
    "no collection": Row("GET", "/nothing", {}, 404, Refused, "content_not_found"),
    "no method": Row("PUT", f"{JOBS}/{{two}}", entry(), 404, Refused, "content_not_found"),
    "no head": Row("HEAD", JOBS, {}, 404, Refused, "content_not_found"),
    "no file": Row("POST", MEDIA, {"data": {"_payload": "{}"}, "files": {"other": b""}}),
    "type of a file": Row("POST", MEDIA, picture(b"a picture? no, a poem", "a.txt")),
    "size of a file": Row("POST", MEDIA, picture(bytes(21 * 1024**2), "a.png"), 413, Refused, "content_too_large"),
    "size of a request": Row("POST", MEDIA, picture(bytes(51 * 1024**2), "a.png"), 413, Refused, "content_too_large"),
    "size of a field": Row(
        "POST",
        MEDIA,
        {"data": {"_payload": "x" * (1024**2 + 1)}, "files": {"file": b"1"}},
        413,
        Refused,
        "content_too_large",
    ),
    "no such file": Row("GET", f"{MEDIA}/file/none.png", {}, 500, Unavailable, FAULTY),
}


@pytest.fixture(scope="module")
def api(payload_server: Payload) -> Iterator[PayloadApi]:
    with closing(PayloadApi(PayloadAddress(payload_server.url, payload_server.api_key))) as api:
        for name in ("one", "two"):
            assert api.ask("POST", JOBS, **entry(externalId=name)).status_code in {201, 400}
        yield api


@pytest.fixture(scope="module")
def two(api: PayloadApi) -> int:
    found: int = api.ask("GET", JOBS, params=OF_TWO).json()["docs"][0]["id"]
    return found


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_each_failure_has_its_meaning(api: PayloadApi, two: int, row: Row) -> None:
    answer = api.ask(row.method, row.path.replace("{two}", str(two)), params=row.params, **row.body)
    assert answer.status_code == row.status, answer.text
    ours = parse_answer(answer)
    assert (type(ours), ours.code) == (row.kind, row.code)


@pytest.mark.parametrize("authorization", ["", "users API-Key wrong", "Bearer {key}", "Users API-Key {key}"])
def test_whoever_has_no_key_may_do_nothing(payload_server: Payload, authorization: str) -> None:
    headers = {"Authorization": authorization.format(key=payload_server.api_key)} if authorization else {}
    with httpx.Client(base_url=f"{payload_server.url}/api", headers=headers) as stranger:
        forbidden, unknown = stranger.get(JOBS), stranger.get("/payload-jobs/run")
    assert (forbidden.status_code, parse_answer(forbidden).code) == (403, "content_forbidden")
    assert (unknown.status_code, parse_answer(unknown).code) == (401, "content_forbidden")


def test_a_document_that_somebody_edits_is_locked_but_not_for_us(payload_server: Payload, api: PayloadApi) -> None:
    body = {"externalId": "locked", "url": "https://cdn.example/still.png"}
    link = api.ask("POST", "/assets", json=body).json()["doc"]["id"]
    with httpx.Client(base_url=f"{payload_server.url}/api") as editor:
        account = {"email": "editor@example.com", "password": "secret"}
        api.ask("POST", "/users", json=account)
        me = editor.post("/users/login", json=account).json()["user"]["id"]
        lock = {
            "document": {"relationTo": "assets", "value": link},
            "user": {"relationTo": "users", "value": me},
        }
        editor.post("/payload-locked-documents", json=lock).raise_for_status()
    locked_one = {"where[id][equals]": link}
    locked = api.ask("PATCH", f"/assets/{link}", json=body)
    assert (locked.status_code, parse_answer(locked).code) == (423, "dependency_unavailable")
    among_others = api.ask("PATCH", "/assets", params=locked_one, json=body)
    assert (among_others.status_code, parse_answer(among_others).code) == (400, "dependency_unavailable")
    assert api.ask("PATCH", "/assets", params={**locked_one, "overrideLock": "true"}, json=body).is_success
