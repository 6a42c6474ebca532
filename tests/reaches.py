"""How each route could reach what belongs to another project, for `integration/test_cross_tenant.py`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx
from front_door import FrontDoor

FOREIGN_INPUT = "projects/film-a/uploads/upload_1/still.png"


@dataclass(frozen=True)
class House:
    """Two projects at one door; everything there is belongs to film-a."""

    door: FrontDoor
    owner: httpx.Client
    stranger: httpx.Client
    task_id: str
    upload_id: str
    webhook_id: str


def submits_foreign_input(house: House) -> None:
    body = {"type": "image.upscale", "input": {"object": FOREIGN_INPUT}}
    refused = house.stranger.post("/v1/tasks", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_params")
    key = {"Idempotency-Key": "same"}
    mine = house.owner.post("/v1/tasks", json={"type": "system.echo"}, headers=key)
    theirs = house.stranger.post("/v1/tasks", json={"type": "system.echo"}, headers=key)
    assert theirs.json()["id"] != mine.json()["id"], "Idempotency-Keys belong to a project"


def submits_foreign_input_among_others(house: House) -> None:
    mine = {"type": "system.echo"}
    theirs = {"type": "image.upscale", "input": {"object": FOREIGN_INPUT}}
    refused = house.stranger.post("/v1/tasks:batch", json={"tasks": [mine, theirs]}).json()
    assert [(flaw["field"], flaw["code"]) for flaw in refused["errors"]] == [("tasks.1", "invalid_params")]
    first, second = (
        caller.post("/v1/tasks:batch", json={"tasks": [mine]}, headers={"Idempotency-Key": "same-batch"}).json()
        for caller in (house.owner, house.stranger)
    )
    assert first["items"] != second["items"], "Idempotency-Keys belong to a project"
    assert house.owner.get(second["items"][0]["links"]["self"]).status_code == 404


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


def changes_only_its_own_tasks(house: House) -> None:
    for action in ("cancel", "retry", "reprioritize"):
        body = {"priority": "low"} if action == "reprioritize" else {}
        ours = house.stranger.post(f"/v1/tasks:{action}", json={"all": True, "cursor": f"{house.task_id}z", **body})
        assert house.task_id not in ours.json()["ids"]
        theirs = house.stranger.post(f"/v1/tasks:{action}", json={"all": True, "project": "film-a", **body})
        assert (theirs.status_code, theirs.json()["code"]) == (403, "forbidden")
    mine = house.owner.get(f"/v1/tasks/{house.task_id}").json()
    assert (mine["status"], mine["priority"]) == ("queued", "normal")


def registers_for_its_own_tasks(house: House) -> None:
    made = house.stranger.post("/v1/webhooks", json={"url": "http://127.0.0.2:9/", "project": "film-a"})
    assert made.status_code == 422, "nobody names another project"
    mine = house.stranger.post("/v1/webhooks", json={"url": "http://127.0.0.2:9/"}).json()
    assert mine["id"] not in house.owner.get("/v1/webhooks").text


def lists_no_foreign_webhooks(house: House) -> None:
    assert house.webhook_id in house.owner.get("/v1/webhooks").text
    assert house.webhook_id not in house.stranger.get("/v1/webhooks").text


def shows_and_rotates_only_its_own_secret(house: House) -> None:
    mine = house.owner.get("/v1/webhooks/secret").json()
    assert house.stranger.get("/v1/webhooks/secret").json()["secret"] != mine["secret"]
    house.stranger.post("/v1/webhooks/secret:rotate")
    assert house.owner.get("/v1/webhooks/secret").json() == mine


def knows_no_project(_: House) -> None:
    """It answers the same to everybody."""


# How each route without an id in its path could reach what is another's, and that it does not.
REACHES: Mapping[str, Callable[[House], None]] = {
    "POST /v1/tasks": submits_foreign_input,
    "POST /v1/tasks:batch": submits_foreign_input_among_others,
    "POST /v1/tasks:estimate": estimates_by_foreign_things,
    "GET /v1/tasks": lists_foreign_tasks,
    "GET /v1/events": hears_foreign_events,
    "POST /v1/uploads": uploads_into_a_foreign_prefix,
    "POST /v1/tasks:pause": pauses_only_its_own_tasks,
    "POST /v1/tasks:resume": resumes_only_its_own_tasks,
    "POST /v1/tasks:cancel": changes_only_its_own_tasks,
    "POST /v1/tasks:retry": changes_only_its_own_tasks,
    "POST /v1/tasks:reprioritize": changes_only_its_own_tasks,
    "POST /v1/webhooks": registers_for_its_own_tasks,
    "GET /v1/webhooks": lists_no_foreign_webhooks,
    "GET /v1/webhooks/secret": shows_and_rotates_only_its_own_secret,
    "POST /v1/webhooks/secret:rotate": shows_and_rotates_only_its_own_secret,
    "GET /v1/receipts/keys": knows_no_project,
    "GET /v1/task-types": knows_no_project,
}
# What of film-a a path can name.
OWNED: Mapping[str, Callable[[House], str]] = {
    "task_id": lambda house: house.task_id,
    "upload_id": lambda house: house.upload_id,
    "webhook_id": lambda house: house.webhook_id,
}
