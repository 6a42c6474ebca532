"""Deliveries over HTTP, in the client and on the command line."""

import json
from collections.abc import Iterator

import httpx
import pytest
from delivery_room import DeliveryRoom
from front_door import FrontDoor
from record_store import open_store
from typer.testing import CliRunner, Result

from orchestrator.cli.app import build_cli
from orchestrator.client import Client, errors
from orchestrator.domain.api_key import Scope
from orchestrator.domain.delivery import SENDING_LANE


@pytest.fixture
def room(redis_url: str) -> Iterator[DeliveryRoom]:
    """Project film-a tells `webhook:one` everything."""
    with open_store(redis_url) as store:
        store.scripts.now_ms = None
        yield DeliveryRoom(store)


@pytest.fixture
def task_id(film_a: httpx.Client) -> str:
    return str(film_a.post("/v1/tasks", json={"type": "system.echo"}).json()["id"])


@pytest.fixture
def client(door: FrontDoor) -> Iterator[Client]:
    with Client(door.url, door.make_key("film-a", Scope.TASKS_READ, Scope.TASKS_WRITE), tries=1) as client:
        yield client


def test_a_task_shows_whom_it_tells_and_what_they_said(room: DeliveryRoom, film_a: httpx.Client, task_id: str) -> None:
    room.log.put_off(room.claim_one(), after_s=60, code="no_answer", message="there was no answer")
    (shown,) = film_a.get(f"/v1/tasks/{task_id}/deliveries").json()["items"]
    assert {name: shown[name] for name in ("destination", "kind", "status", "told_up_to", "tries")} == {
        "destination": "webhook:one",
        "kind": "webhook",
        "status": "pending",
        "told_up_to": "1-0",
        "tries": 1,
    }
    assert shown["next_try_at"] > shown["updated_at"]
    assert (shown["last_answer"]["code"], shown["last_answer"]["message"]) == ("no_answer", "there was no answer")


def test_who_asks_for_it_again_need_not_wait(door: FrontDoor, room: DeliveryRoom, client: Client, task_id: str) -> None:
    room.log.put_off(room.claim_one(), after_s=600, code="no_answer", message="")
    door.bells.rung.clear()
    (delivery,) = client.deliveries.redeliver(task_id)
    assert (delivery.status, delivery.tries, delivery.next_try_at) == ("pending", 0, None)
    assert door.bells.rung == [SENDING_LANE]
    room.finish(room.claim_one())
    (delivery,) = client.deliveries.list(task_id)
    assert (delivery.status, delivery.told_up_to) == ("delivered", "1-1")
    assert delivery.last_answer is not None
    assert delivery.last_answer.code == "ok"


def test_a_destination_that_the_task_has_not_is_named(client: Client, task_id: str) -> None:
    with pytest.raises(errors.DeliveryNotFound):
        client.deliveries.redeliver(task_id, destination="webhook:none")
    with pytest.raises(errors.InvalidRequest):
        client.deliveries.redeliver(task_id, destination="web hook")


def test_a_task_that_tells_nobody_has_none(client: Client, film_a: httpx.Client) -> None:
    task = film_a.post("/v1/tasks", json={"type": "system.echo"}).json()["id"]
    assert client.deliveries.list(task) == ()
    assert client.deliveries.redeliver(task) == ()


@pytest.mark.usefixtures("client")
def test_the_command_line_shows_and_repeats_them(door: FrontDoor, room: DeliveryRoom, task_id: str) -> None:
    key = door.make_key("film-a", Scope.TASKS_READ, Scope.TASKS_WRITE)

    def orchestrator(*words: str) -> Result:
        return CliRunner().invoke(build_cli(), ["deliveries", *words, "--url", door.url, "--api-key", key])

    room.log.give_up(room.claim_one(), code="refused", message="400 Bad Request")
    shown = orchestrator("list", task_id)
    assert (shown.exit_code, "refused: 400 Bad Request" in shown.output) == (0, True)
    again = orchestrator("redeliver", task_id, "--to", "webhook:one", "--json")
    assert json.loads(again.output)[0]["status"] == "pending"
    assert orchestrator("redeliver", task_id, "--to", "webhook:two").exit_code != 0
