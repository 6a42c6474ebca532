"""Proof 2 of the front door: every route of the OpenAPI document, tried with the wrong key.

The routes come from the document, so a new one is tried without anybody thinking of it. What only a person can say of
a new route is asked for by a failure: what belongs to a project in its path (`OWNED`), or, for a route with nothing in
its path, how it would reach another project's things (`REACHES`, both in `tests/reaches.py`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import redis
import servers
from fakes_storage import MemoryStorage
from front_door import front_door
from openapi_document import read_document
from reaches import FOREIGN_INPUT, OWNED, REACHES, House

from orchestrator.domain.api_key import EVERY_SCOPE, INCLUDED, NODE_WIDE, Scope, with_included

OPEN = {"GET /livez", "GET /readyz"}
TENANT = frozenset(EVERY_SCOPE - NODE_WIDE)


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
    document = read_document()
    return [
        Route(method.upper(), path, operation, example_of(document, operation))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]


ROUTES = read_routes()
KEYED = [route for route in ROUTES if route.scope]
OF_ONE_THING = [route for route in KEYED if route.is_of_a_tenant and route.in_path]
OF_A_PROJECT = [route for route in KEYED if route.is_of_a_tenant and not route.in_path]


@pytest.fixture(scope="module")
def house(redis_server: servers.Valkey) -> Iterator[House]:
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    storage = MemoryStorage({FOREIGN_INPUT: (b"pixels", "image/png")})
    with front_door(redis_server.url, storage) as door, door.caller("film-a") as owner, door.caller("film-b") as other:
        task = owner.post("/v1/tasks", json={"type": "image.upscale", "input": {"object": FOREIGN_INPUT}}).json()
        film = {"filename": "film.mp4", "content_type": "video/mp4", "size_bytes": 10**9}
        upload = owner.post("/v1/uploads", json=film).json()
        webhook = owner.post("/v1/webhooks", json={"url": "http://127.0.0.2:9/"}).json()
        yield House(door, owner, other, task["id"], upload["id"], webhook["id"])


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
    webhook = house.owner.get(f"/v1/webhooks/{house.webhook_id}").json()
    assert (webhook["enabled"], webhook["two_secrets_until"]) == (True, None)


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
