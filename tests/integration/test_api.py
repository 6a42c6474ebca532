"""The HTTP contract (`docs/http.md`), sentence by sentence, over a real store of records."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from fakes_storage import MemoryStorage
from front_door import FrontDoor

ECHO: Mapping[str, Any] = {"type": "system.echo"}
STILL = "projects/film-a/uploads/upload_1/still.png"


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage({STILL: (b"pixels", "image/png")})


def submit(caller: httpx.Client, body: Mapping[str, Any] = ECHO, *, key: str | None = None) -> httpx.Response:
    return caller.post("/v1/tasks", json=body, headers={"Idempotency-Key": key} if key else {})


def require_problem(response: httpx.Response, status: int, *, code: str) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["status"], body["code"]) == (status, status, code)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["X-Request-Id"]
    return body


def test_a_submit_is_recorded_rung_and_shown(door: FrontDoor, film_a: httpx.Client) -> None:
    answer = submit(film_a, {**ECHO, "params": {"size_bytes": 7}, "labels": {"shot": "12b"}, "priority": "high"})
    assert answer.status_code == 202
    task = answer.json()
    assert answer.headers["Location"] == task["links"]["self"] == f"/v1/tasks/{task['id']}"
    shown = film_a.get(answer.headers["Location"]).json()
    assert shown == task | {"queue": {"position": 0, "eta_s": None, "paused": [], "no_worker": "io", "away": []}}
    assert {name: shown[name] for name in ("type", "status", "project", "priority", "input", "labels")} == {
        "type": "system.echo",
        "status": "queued",
        "project": "film-a",
        "priority": "high",
        "input": None,
        "labels": {"shot": "12b"},
    }
    assert shown["params"] == {"size_bytes": 7, "delay_ms": 0, "fail": None, "answer": False}, "defaults are filled in"
    assert (shown["generation"], shown["attempts"], shown["outputs"], shown["error"]) == (1, [], [], None)
    assert shown["created_at"].endswith("Z")
    assert door.bells.rung == ["io"]


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic a2V5"}])
@pytest.mark.parametrize("path", ["/v1/tasks", "/v1/tasks/task_1", "/v1/task-types"])
def test_without_a_valid_key_nothing_is_told(door: FrontDoor, path: str, header: dict[str, str]) -> None:
    answer = httpx.get(door.url + path, headers=header)
    require_problem(answer, 401, code="unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_task_of_another_project_is_as_unknown_as_any(door: FrontDoor, film_a: httpx.Client) -> None:
    mine = submit(film_a).json()["links"]["self"]
    with door.caller("film-b") as film_b:
        for path in (mine, "/v1/tasks/task_nothing"):
            require_problem(film_b.get(path), 404, code="task_not_found")
            require_problem(film_b.post(f"{path}/cancel"), 404, code="task_not_found")
            require_problem(film_b.post(f"{path}/retry"), 404, code="task_not_found")
        assert film_b.get("/v1/tasks").json() == {"items": [], "next": None}


def test_the_same_key_and_body_gets_the_first_answer(door: FrontDoor, film_a: httpx.Client) -> None:
    first, again = submit(film_a, key="k-1"), submit(film_a, key="k-1")
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    with door.caller("film-b") as film_b:
        assert submit(film_b, key="k-1").json()["id"] != first.json()["id"], "keys belong to a project"


def test_the_same_key_with_another_body_is_a_conflict(film_a: httpx.Client) -> None:
    submit(film_a, key="k-1")
    require_problem(submit(film_a, {**ECHO, "params": {"size_bytes": 2}}, key="k-1"), 409, code="idempotency_conflict")


def test_a_repeat_is_answered_even_when_its_input_is_gone(film_a: httpx.Client, storage: MemoryStorage) -> None:
    body = {"type": "image.upscale", "input": {"object": STILL}}
    first = submit(film_a, body, key="k-1")
    storage.objects.clear()
    assert submit(film_a, body, key="k-1").json() == first.json()
    require_problem(submit(film_a, body, key="k-2"), 422, code="input_not_found")


def test_a_refusal_is_not_remembered_under_its_key(film_a: httpx.Client, storage: MemoryStorage) -> None:
    later = "projects/film-a/uploads/upload_2/later.png"
    body = {"type": "image.upscale", "input": {"object": later}}
    require_problem(submit(film_a, body, key="k-1"), 422, code="input_not_found")
    storage.objects[later] = (b"pixels", "image/png")
    assert submit(film_a, body, key="k-1").status_code == 202


def test_the_input_is_pinned_as_it_is_at_the_submit(film_a: httpx.Client, storage: MemoryStorage) -> None:
    task = submit(film_a, {"type": "image.upscale", "input": {"object": STILL}}).json()
    seen = storage.head(STILL)
    assert task["input"] == {"object": STILL, "etag": seen.etag, "size_bytes": 6, "content_type": "image/png"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"type": "image.sharpen"}, "unknown_task_type"),
        ({"type": "image.upscale"}, "invalid_params"),
        ({**ECHO, "input": {"object": STILL}}, "invalid_params"),
        ({"type": "image.upscale", "input": {"object": "projects/film-b/uploads/upload_1/x.png"}}, "invalid_params"),
        ({"type": "image.upscale", "input": {"object": "projects/film-a/../film-b/x.png"}}, "invalid_params"),
        ({"type": "image.upscale", "input": {"object": "projects/film-a/uploads/none.png"}}, "input_not_found"),
        ({**ECHO, "params": {"size_bytes": 0}}, "invalid_params"),
        ({**ECHO, "params": {"sise_bytes": 1}}, "invalid_params"),
        ({**ECHO, "parms": {}}, "invalid_request"),
        ({**ECHO, "priority": "urgent"}, "invalid_request"),
        ({**ECHO, "labels": {"no spaces": "x"}}, "invalid_request"),
        ({}, "invalid_request"),
        ([], "invalid_request"),
    ],
)
def test_a_submit_that_cannot_be_served(film_a: httpx.Client, body: dict[str, Any], code: str) -> None:
    require_problem(submit(film_a, body), 422, code=code)
    assert film_a.get("/v1/tasks").json()["items"] == []


def test_wrong_params_are_named_by_their_path(film_a: httpx.Client) -> None:
    problem = require_problem(submit(film_a, {**ECHO, "params": {"size_bytes": 0, "x": 1}}), 422, code="invalid_params")
    assert [flaw["field"] for flaw in problem["errors"]] == ["params.size_bytes", "params.x"]


def test_pages_follow_one_another_newest_first(film_a: httpx.Client) -> None:
    made = [submit(film_a).json()["id"] for _ in range(5)]
    listed, cursor = [], ""
    for _ in range(3):
        page = film_a.get("/v1/tasks", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        listed += [task["id"] for task in page["items"]]
        cursor = page["next"]
    assert sorted(listed) == sorted(made)
    assert listed == sorted(listed, reverse=True)
    assert cursor is None


def test_lists_filter_by_status_and_type(film_a: httpx.Client) -> None:
    submit(film_a)
    canceled = film_a.post(submit(film_a).json()["links"]["cancel"]).json()["id"]
    still = submit(film_a, {"type": "image.upscale", "input": {"object": STILL}}).json()["id"]

    def ids(**query: str) -> list[str]:
        return [task["id"] for task in film_a.get("/v1/tasks", params=query).json()["items"]]

    assert ids(status="canceled") == [canceled]
    assert ids(type="image.upscale") == [still]
    assert ids(status="failed") == []
    require_problem(film_a.get("/v1/tasks?status=canceling"), 422, code="invalid_request")
    require_problem(film_a.get("/v1/tasks", params={"cursor": "No!"}), 422, code="invalid_params")


def test_a_canceled_task_can_be_retried_once_per_generation(door: FrontDoor, film_a: httpx.Client) -> None:
    links = submit(film_a).json()["links"]
    require_problem(film_a.post(f"{links['self']}/retry"), 409, code="illegal_move")
    canceled = film_a.post(links["cancel"])
    assert (canceled.status_code, canceled.json()["status"]) == (202, "canceled")
    assert film_a.post(links["cancel"]).json()["status"] == "canceled", "again is harmless"
    retried = film_a.post(canceled.json()["links"]["retry"], json={"generation": 1})
    assert (retried.status_code, retried.json()["status"], retried.json()["generation"]) == (202, "queued", 2)
    late = film_a.post(f"{links['self']}/retry", json={"generation": 1})
    require_problem(late, 409, code="generation_changed")
    assert door.bells.rung == ["io", "io"]


def test_a_running_task_that_is_canceled_shows_as_canceling(door: FrontDoor, film_a: httpx.Client) -> None:
    links = submit(film_a).json()["links"]
    run = door.worker.claim("io")
    assert film_a.post(links["cancel"]).json()["status"] == "canceling"
    door.worker.claims.stop(run)
    ended = film_a.get(links["self"]).json()
    assert (ended["status"], len(ended["attempts"]), ended["queue"]) == ("canceled", 1, None)


def test_a_result_comes_with_urls_of_its_files(door: FrontDoor, film_a: httpx.Client, tmp_path: Path) -> None:
    links = submit(film_a).json()["links"]
    door.worker.finish(door.worker.claim("io"), {"shots.json": b"[]"}, scratch=tmp_path)
    task = film_a.get(links["self"]).json()
    assert (task["status"], task["result"], task["usage"]) == ("succeeded", {"files": 1}, {"inferences": 1})
    (output,) = task["outputs"]
    assert (output["name"], output["size_bytes"]) == ("shots.json", 2)
    assert output["url"]
    assert list(task["links"]) == ["self"], "it can be neither canceled nor retried"
    assert "outputs" not in film_a.get("/v1/tasks").json()["items"][0]
