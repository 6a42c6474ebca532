"""Lists of tasks: filters, and pages that stand still while tasks come in."""

from typing import Any

import httpx

from orchestrator.adapters.redis import reads


def submit(client: httpx.Client, **labels: str) -> dict[str, Any]:
    task: dict[str, Any] = client.post("/v1/tasks", json={"type": "system.echo", "labels": labels}).json()
    return task


def ids(client: httpx.Client, **query: Any) -> list[str]:  # noqa: ANN401 - any filter
    return [task["id"] for task in client.get("/v1/tasks", params=query).json()["items"]]


def test_by_label_all_that_are_given_must_fit(film_a: httpx.Client) -> None:
    one = submit(film_a, shot="12b", reel="a:b")["id"]
    two = submit(film_a, shot="12b")["id"]
    submit(film_a, shot="13")
    assert ids(film_a, label="shot:12b") == [two, one]
    assert ids(film_a, label=["shot:12b", "reel:a:b"]) == [one]
    assert ids(film_a, label="shot:") == []
    twice = film_a.get("/v1/tasks?status=queued&status=failed").json()
    assert (twice["code"], twice["errors"][0]["field"]) == ("invalid_params", "query.status")
    assert film_a.get("/v1/tasks?label=shot").status_code == 422


def test_by_time_of_the_submit(film_a: httpx.Client) -> None:
    one, two, three = (submit(film_a) for _ in range(3))
    assert one["created_at"] < two["created_at"] < three["created_at"]
    assert ids(film_a, created_after=two["created_at"]) == [three["id"]]
    assert ids(film_a, created_before=two["created_at"]) == [one["id"]]
    assert ids(film_a, created_after=one["created_at"], created_before=three["created_at"]) == [two["id"]]
    assert ids(film_a, created_after="2001-01-01T00:00:00Z", status="queued") == [three["id"], two["id"], one["id"]]
    assert ids(film_a, created_before="2001-01-01T00:00:00Z") == []
    assert film_a.get("/v1/tasks?created_after=2001-01-01T00:00:00").status_code == 422, "in which zone?"
    assert film_a.get("/v1/tasks?created_after=978307200").status_code == 422, "a number is no time"


def test_pages_stand_still_while_tasks_come_in(film_a: httpx.Client) -> None:
    made = [submit(film_a, shot="1" if number % 2 else "2")["id"] for number in range(9)]
    seen: list[str] = []
    query = {"limit": "2", "label": "shot:2"}
    while query.get("cursor", "first"):
        page = film_a.get("/v1/tasks", params=query).json()
        seen += [task["id"] for task in page["items"]]
        query["cursor"] = page["next"] or ""
        submit(film_a, shot="2")
    assert seen == made[::-2], "each once, newest first, and none of those that came later"


def test_a_rare_match_is_found_pages_later(film_a: httpx.Client) -> None:
    rare = submit(film_a, rare="yes")["id"]
    for _ in range(reads.RECORDS_A_STEP + 1):
        submit(film_a)
    assert ids(film_a, label="rare:yes") == [rare]
