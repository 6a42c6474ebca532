"""Proof 2 of the front door: every route of the OpenAPI document, tried with the wrong key.

The routes come from the document, so a new one is tried without anybody thinking of it. What only a person can say of
a new route is asked for by a failure: what belongs to a project in its path (`OWNED`), or, for a route with nothing in
its path, how it would reach another project's things (`REACHES`).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import redis
import servers
from fakes_storage import MemoryStorage
from front_door import FrontDoor, front_door
from pydantic import SecretStr

from orchestrator.api.app import build_app
from orchestrator.domain.api_key import EVERY_SCOPE, INCLUDED, NODE_WIDE, Scope, with_included
from orchestrator.settings import ApiSettings, Settings
from orchestrator.wiring.api import build_api_parts

OPEN = {"GET /livez", "GET /readyz"}
TENANT = frozenset(EVERY_SCOPE - NODE_WIDE)
FOREIGN_INPUT = "projects/film-a/uploads/upload_1/still.png"


@dataclass(frozen=True)
class Route:
    """An operation as the document describes it."""

    method: str
    path: str
    operation: Mapping[str, Any]
    example: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def scope(self) -> Scope | None:
        (needed,) = self.operation.get("security") or [{"ApiKey": [None]}]
        (scope,) = needed["ApiKey"]
        return Scope(scope) if scope else None

    @property
    def in_path(self) -> list[str]:
        return re.findall(r"\{(\w+)\}", self.path)

    @property
    def is_of_a_tenant(self) -> bool:
        return self.scope in TENANT

    def call(self, caller: httpx.Client, **in_path: str) -> httpx.Response:
        given = dict.fromkeys(self.in_path, "task_x") | in_path
        body = self.example if "requestBody" in self.operation else None
        return caller.request(self.method, self.path.format(**given), json=body)


def example_of(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first example of the body, or nothing."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    kinds = [content, *content.get("anyOf", ())]
    names = [kind["$ref"].rpartition("/")[2] for kind in kinds if "$ref" in kind]
    examples = [document["components"]["schemas"][name].get("examples", ()) for name in names]
    return next((example[0] for example in examples if example), {})


def read_routes() -> list[Route]:
    """From the application as it is in production; it connects nothing before its first request."""
    settings = Settings(api=ApiSettings(key_pepper=SecretStr("pepper-of-nobody-at-all")))
    document = build_app(build_api_parts(settings)).openapi()
    return [
        Route(method.upper(), path, operation, example_of(document, operation))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]


ROUTES = read_routes()
KEYED = [route for route in ROUTES if route.scope]
OF_ONE_THING = [route for route in KEYED if route.is_of_a_tenant and route.in_path]
OF_A_PROJECT = [route for route in KEYED if route.is_of_a_tenant and not route.in_path]


@dataclass(frozen=True)
class House:
    """Two projects at one door; everything there is belongs to film-a."""

    door: FrontDoor
    owner: httpx.Client
    stranger: httpx.Client
    task_id: str
    upload_id: str


@pytest.fixture(scope="module")
def house(redis_server: servers.Valkey) -> Iterator[House]:
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    storage = MemoryStorage({FOREIGN_INPUT: (b"pixels", "image/png")})
    with front_door(redis_server.url, storage) as door, door.caller("film-a") as owner, door.caller("film-b") as other:
        task = owner.post("/v1/tasks", json={"type": "image.upscale", "input": {"object": FOREIGN_INPUT}}).json()
        film = {"filename": "film.mp4", "content_type": "video/mp4", "size_bytes": 10**9}
        upload = owner.post("/v1/uploads", json=film).json()
        yield House(door, owner, other, task["id"], upload["id"])


def submits_foreign_input(house: House) -> None:
    body = {"type": "image.upscale", "input": {"object": FOREIGN_INPUT}}
    refused = house.stranger.post("/v1/tasks", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_params")
    key = {"Idempotency-Key": "same"}
    mine = house.owner.post("/v1/tasks", json={"type": "system.echo"}, headers=key)
    theirs = house.stranger.post("/v1/tasks", json={"type": "system.echo"}, headers=key)
    assert theirs.json()["id"] != mine.json()["id"], "Idempotency-Keys belong to a project"


def estimates_by_foreign_things(house: House) -> None:
    body = {"type": "image.upscale", "input": {"object": FOREIGN_INPUT}}
    foreign = house.stranger.post("/v1/tasks:estimate", json=body).json()["refusal"]
    nothing = {"type": "image.upscale", "input": {"object": f"{FOREIGN_INPUT}.none"}}
    assert foreign == house.stranger.post("/v1/tasks:estimate", json=nothing).json()["refusal"]
    planned = {"type": "image.upscale", "input": {"size_bytes": 6}}
    assert house.owner.post("/v1/tasks:estimate", json=planned).json()["queue"]["position"] == 1
    assert house.stranger.post("/v1/tasks:estimate", json=planned).json()["queue"]["position"] == 0


def lists_foreign_tasks(house: House) -> None:
    listed = house.stranger.get("/v1/tasks?limit=100").json()["items"]
    assert {task["project"] for task in listed} <= {"film-b"}
    following = house.stranger.get("/v1/tasks", params={"cursor": house.task_id}).json()["items"]
    assert {task["project"] for task in following} <= {"film-b"}, "a cursor opens nothing"


def uploads_into_a_foreign_prefix(house: House) -> None:
    body = {"filename": "../../film-a/uploads/x.png", "content_type": "image/png", "size_bytes": 6}
    assert house.stranger.post("/v1/uploads", json=body).json()["object"].startswith("projects/film-b/uploads/")


def hears_foreign_events(house: House) -> None:
    mine = house.owner.get("/v1/events?follow=false").text
    assert house.task_id in mine
    submitted = house.stranger.post("/v1/tasks", json={"type": "system.echo"}).json()["id"]
    theirs = house.stranger.get("/v1/events?follow=false", headers={"Last-Event-ID": "0-0"}).text
    assert submitted in theirs
    assert house.task_id not in theirs


def pauses_only_its_own_tasks(house: House) -> None:
    house.stranger.post("/v1/tasks:pause", json={"reason": "project:film-a"})
    mine = house.owner.get(f"/v1/tasks/{house.task_id}").json()
    assert mine["queue"]["paused"] == []


def resumes_only_its_own_tasks(house: House) -> None:
    house.owner.post("/v1/tasks:pause")
    assert house.stranger.post("/v1/tasks:resume").status_code == 200
    mine = house.owner.get(f"/v1/tasks/{house.task_id}").json()
    house.owner.post("/v1/tasks:resume")
    assert mine["queue"]["paused"] == ["project:film-a"]


def knows_no_project(_: House) -> None:
    """It answers the same to everybody."""


# How each route without an id in its path could reach what is another's, and that it does not.
REACHES: Mapping[str, Callable[[House], None]] = {
    "POST /v1/tasks": submits_foreign_input,
    "POST /v1/tasks:estimate": estimates_by_foreign_things,
    "GET /v1/tasks": lists_foreign_tasks,
    "GET /v1/events": hears_foreign_events,
    "POST /v1/uploads": uploads_into_a_foreign_prefix,
    "POST /v1/tasks:pause": pauses_only_its_own_tasks,
    "POST /v1/tasks:resume": resumes_only_its_own_tasks,
    "GET /v1/task-types": knows_no_project,
}
# What of film-a a path can name.
OWNED: Mapping[str, Callable[[House], str]] = {
    "task_id": lambda house: house.task_id,
    "upload_id": lambda house: house.upload_id,
}


def named(route: Route) -> str:
    return route.name


@pytest.mark.parametrize("route", ROUTES, ids=named)
def test_every_route_but_the_probes_needs_exactly_one_scope(route: Route) -> None:
    assert (route.scope is None) == (route.name in OPEN)


@pytest.mark.parametrize("route", KEYED, ids=named)
def test_without_a_key_it_is_401(house: House, route: Route) -> None:
    with httpx.Client(base_url=house.door.url) as nobody:
        answer = route.call(nobody)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


@pytest.mark.parametrize("route", KEYED, ids=named)
def test_without_the_scope_it_is_403(house: House, route: Route) -> None:
    """With every other scope, even, but those that include the one it takes."""
    assert route.scope
    others = [scope for scope in EVERY_SCOPE if route.scope not in with_included([scope])]
    assert len(others) >= len(EVERY_SCOPE) - 1 - len(INCLUDED)
    with house.door.caller_with(house.door.make_key("film-a", *others)) as limited:
        answer = route.call(limited)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert answer.json()["detail"] == f"this API key lacks the scope {route.scope}"


@pytest.mark.parametrize("route", OF_ONE_THING, ids=named)
def test_of_another_project_it_is_404_as_of_nothing(house: House, route: Route) -> None:
    unnamed = set(route.in_path) - set(OWNED)
    assert not unnamed, f"say in OWNED which {unnamed} film-a has"
    foreign = route.call(house.stranger, **{name: OWNED[name](house) for name in route.in_path})
    nothing = route.call(house.stranger, **{name: f"{OWNED[name](house)[:-4]}zzzz" for name in route.in_path})
    assert (foreign.status_code, foreign.json()) == (404, nothing.json()), "give the body of the route an example"
    assert house.owner.get(f"/v1/tasks/{house.task_id}").json()["status"] == "queued", "and nothing has happened to it"
    assert not house.owner.get(f"/v1/uploads/{house.upload_id}").json()["is_complete"]


def test_every_route_without_an_id_says_how_it_keeps_projects_apart() -> None:
    assert {route.name for route in OF_A_PROJECT} == set(REACHES)


@pytest.mark.parametrize("name", REACHES)
def test_nothing_of_another_project_is_within_reach(house: House, name: str) -> None:
    REACHES[name](house)


def test_a_key_that_reaches_beyond_its_project_says_so_in_its_scope() -> None:
    """Routes of the node as a whole are for admins: no tenant's scope opens them."""
    of_the_node = [route for route in KEYED if not route.is_of_a_tenant]
    assert {route.path for route in of_the_node} >= {"/v1/projects", "/v1/keys", "/metrics"}
    assert all(route.scope in NODE_WIDE for route in of_the_node)
