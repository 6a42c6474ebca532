"""Swaps over HTTP, with the client and on the command line; a keeper's ticks are given by hand."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import httpx
import pytest
from front_door import SECRETS, FrontDoor
from record_store import open_store
from swap_room import SwapRoom
from typer.testing import CliRunner

from orchestrator.cli.app import build_cli
from orchestrator.cli.swaps import parse_release, parse_seconds
from orchestrator.client import Client, errors
from orchestrator.domain.model import Release
from orchestrator.ports.swaps import Standing
from orchestrator.services.swaps.serve_first import ServeFirst
from orchestrator.services.swaps.swap_model import SwapModel
from orchestrator.wiring.swaps import SwapParts

WATCH_S = 30.0


@pytest.fixture
def room(redis_url: str, door: FrontDoor) -> Iterator[SwapRoom]:
    """Behind the door."""
    with open_store(redis_url) as store:
        room = SwapRoom(store)
        room.push(2)
        parts = door.app.state.parts

        def begin(release: Release, by: str) -> Standing:
            return room.ask.swap(release, by=by)

        swaps = SwapParts(room.swaps, room.ask, room.back, ServeFirst(room.residency, begin), WATCH_S)
        door.app.state.parts = replace(parts, models=replace(parts.models, swaps=swaps))
        yield room


@pytest.fixture
def client(door: FrontDoor, room: SwapRoom) -> Iterator[Client]:
    del room
    with Client(door.url, SECRETS.admin_key, tries=1) as client:
        yield client


def test_a_swap_is_asked_for_followed_and_told(client: Client, room: SwapRoom) -> None:
    begun = client.models.swaps.begin("echo", 2, canary=10)
    assert (begun.old, begun.new, begun.step, begun.weights) == ("echo", "echo@2", "fetching", {"echo": 100})
    assert begun.raw["watch_s"] == WATCH_S
    room.settle()
    steps = [swap.step for swap in client.models.swaps.follow("echo", sleep=lambda _: tick(room))]
    assert steps == ["shifting", "watching", "done"]
    last = client.models.swaps.get("echo")
    assert last.has_succeeded
    assert last.figures["in.npz max_abs"] == 0
    lines = client.models.swaps.audit("echo", limit=3)
    assert [(line.step, line.by) for line in lines] == [
        ("done", "keeper"),
        ("watching", "keeper"),
        ("shifting", "keeper"),
    ]


def tick(room: SwapRoom) -> None:
    room.tick(WATCH_S)


def test_a_roll_back_is_one_call(client: Client, room: SwapRoom) -> None:
    client.models.swaps.begin("echo", 2)
    room.settle()
    tick(room)
    back = client.models.swaps.roll_back("echo")
    assert (back.step, back.weights, back.fault) == ("rolling_back", {"echo": 100}, "asked")
    assert room.routes == {"echo": 100}


def test_what_cannot_be_is_refused(client: Client) -> None:
    with pytest.raises(errors.SwapNotFound):
        client.models.swaps.get("echo")
    with pytest.raises(errors.NothingToRollBack):
        client.models.swaps.roll_back("echo")
    with pytest.raises(errors.ModelNotFound):
        client.models.swaps.begin("echo", 3)
    with pytest.raises(errors.InvalidParams):
        client.models.swaps.begin("echo", 0)
    client.models.swaps.begin("echo", 2)
    with pytest.raises(errors.SwapInProgress):
        client.models.swaps.begin("echo", 2)
    assert client.models.swaps.audit("shots") == ()


def test_a_tenant_swaps_nothing(film_a: httpx.Client, room: SwapRoom) -> None:
    del room
    assert film_a.post("/v1/models/echo:swap", json={"version": 2}).status_code == 403
    assert film_a.post("/v1/models/echo:rollback").status_code == 403
    assert film_a.get("/v1/models/echo/swap").status_code == 403
    assert film_a.get("/v1/models/echo/audit").status_code == 403


def run(door: FrontDoor, *words: str) -> tuple[int, str]:
    said = CliRunner().invoke(build_cli(), ["models", *words, "--url", door.url, "--api-key", SECRETS.admin_key])
    return said.exit_code, said.output


def test_the_command_line_begins_a_swap_and_takes_it_back(door: FrontDoor, room: SwapRoom) -> None:
    status, said = run(door, "swap", "echo@2", "--canary", "10", "--watch", "1m", "--detach")
    assert status == 0
    assert "echo → echo@2" in said
    assert room.swap.watch_s == 60
    room.settle()
    assert json.loads(run(door, "rollback", "echo", "--json")[1])["step"] == "rolling_back"
    assert "an operator has asked for it" in run(door, "audit", "echo")[1]


@dataclass(frozen=True)
class SwapAtOnce(SwapModel):
    """With the keeper's ticks in the same breath."""

    then: Callable[[], object] = list

    def swap(self, new: Release, *, by: str, canary: int = 100, watch_s: float = 0.0) -> Standing:
        begun = super().swap(new, by=by, canary=canary, watch_s=watch_s)
        self.then()
        return begun


def test_the_command_line_fails_with_a_swap_that_was_refused(door: FrontDoor, room: SwapRoom) -> None:
    room.push(3, lambda inputs: {"y": -inputs["x"]})
    at_once = SwapAtOnce(room.swaps, room.releases, room.residency, room.ask.new_id, room.settle)
    parts = door.app.state.parts
    models = replace(parts.models, swaps=replace(parts.models.swaps, swap=at_once))
    door.app.state.parts = replace(parts, models=models)
    status, said = run(door, "swap", "echo@3")
    assert status == 1
    assert "max_abs is 6, <= 0.1 is expected" in said


@pytest.mark.parametrize(("text", "seconds"), [(None, None), ("60", 60), ("60s", 60), ("5m", 300), ("0.5h", 1800)])
def test_times_are_written_as_people_do(text: str | None, seconds: float | None) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(("text", "release"), [("echo@2", ("echo", 2)), ("echo", ("echo", 0))])
def test_a_release_is_named_by_model_and_version(text: str, release: tuple[str, int]) -> None:
    assert parse_release(text) == release


@pytest.mark.parametrize(
    "words",
    [
        ("echo@x",),
        ("@2",),
        ("../echo",),
        ("echo@2", "--watch", "soon"),
        ("echo@2", "--watch", "nan"),
        ("echo@2", "--canary", "0"),
    ],
)
def test_what_is_no_release_or_time_is_refused_here(door: FrontDoor, words: tuple[str, ...]) -> None:
    assert run(door, "swap", *words)[0] == 2
