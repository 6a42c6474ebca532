"""What Triton holds and what an operator wants it to hold, over HTTP and on the command line (`docs/http.md`)."""

import json
from collections.abc import Iterator

import httpx
import pytest
from front_door import SECRETS, FrontDoor
from typer.testing import CliRunner

from orchestrator.cli.app import build_cli
from orchestrator.client import Client, errors
from orchestrator.domain.model import Instance, Resident, ResidentState
from orchestrator.ports.model_figures import Figures
from orchestrator.ports.residency import Residency
from orchestrator.services.models.show_models import ShowModels

NEAR, FAR = "triton-0:8001", "triton-1:8001"


@pytest.fixture
def residency(door: FrontDoor) -> Residency:
    """Two instances; one holds both releases of `upscale`, the other has `shots` in its repository only."""
    residency: Residency = door.app.state.parts.models.residency
    for address in (NEAR, FAR):
        pools = {"pinned_pool": 1 << 28}
        sized = Instance(address, budget_bytes=8 << 30, used_bytes=2 << 30, total_bytes=16 << 30, pools=pools)
        residency.note_instance(sized)
    residency.note(NEAR, Resident("upscale", ResidentState.READY, version="1", since_ms=1, used_ms=2, bytes=400))
    residency.note(NEAR, Resident("upscale@2", ResidentState.LOADING))
    residency.note(FAR, Resident("shots", ResidentState.UNLOADED, error="it did not fit"))
    residency.route("upscale", {"upscale": 90, "upscale@2": 10})
    return residency


@pytest.fixture
def client(door: FrontDoor, residency: Residency) -> Iterator[Client]:
    del residency
    with Client(door.url, SECRETS.admin_key, tries=1) as client:
        yield client


def test_an_operator_sees_where_each_release_is(client: Client) -> None:
    shots, upscale = client.models.list()
    assert (shots.name, shots.state, shots.releases[0].residents[0].error) == ("shots", "unloaded", "it did not fit")
    assert (upscale.state, [(each.name, each.weight) for each in upscale.releases]) == (
        "ready",
        [("upscale", 90), ("upscale@2", 10)],
    )
    (resident,) = upscale.releases[0].residents
    assert (resident.instance, resident.state, resident.memory_bytes, resident.runs) == (NEAR, "ready", 400, 0)
    assert client.models.get("upscale") == upscale
    near, far = client.models.overview()["instances"]
    assert near["pools_bytes"] == {"pinned_pool": 1 << 28}
    assert (near["address"], near["budget_bytes"], far["well"]) == (NEAR, 8 << 30, True)


def test_what_an_instance_counts_is_shown_and_of_one_that_is_silent_nothing(residency: Residency) -> None:
    class Counters:
        def read(self) -> dict[str, Figures]:
            return {"upscale": Figures(succeeded=4, failed=1)}

    _, upscale = ShowModels(residency, {NEAR: Counters()}).show()
    assert [seat.figures for release in upscale.releases for seat in release.seats] == [
        Figures(succeeded=4, failed=1),
        Figures(),
    ]
    assert ShowModels(residency).find("shots").releases[0].seats[0].figures is None


def test_what_is_asked_reaches_the_owners(client: Client, residency: Residency) -> None:
    client.models.load("upscale@2")
    assert set(residency.wanted()) == {"upscale@2"}
    client.models.unload("upscale")
    assert residency.dismissed() == {"upscale", "upscale@2"}
    assert residency.wanted() == {}
    client.models.load("upscale")
    assert "upscale" not in residency.dismissed()
    assert client.models.pin("upscale").releases[0].residents[0].is_pinned
    assert not client.models.pin("upscale", is_pinned=False).releases[0].residents[0].is_pinned


def test_what_is_not_there_is_said_so(client: Client) -> None:
    for ask in (client.models.get, client.models.load, client.models.unload, client.models.pin):
        with pytest.raises(errors.ModelNotFound):
            ask("sharpen")
    with pytest.raises(errors.ModelNotFound):
        client.models.load("upscale@3")


@pytest.mark.parametrize(
    ("call", "body", "says"),
    [
        ("POST /v1/models/upscale:pin", '{"pinned": "yes"}', "Input should be a valid boolean"),
        ("POST /v1/models/upscale:pin", '{"pinned": true,', "not JSON from its character 16 on"),
        ("POST /v1/models/upscale/releases", "{}", "must have files or from_prefix, and not both"),
        ("DELETE /v1/models/upscale", "", "Allow says with which"),
        ("POST /v1/models/:pin", "", "Allow says with which"),
        ("GET /v1/model", "", "GET /openapi.json has every call"),
    ],
)
def test_a_mistake_is_told_in_words_that_help(door: FrontDoor, call: str, body: str, says: str) -> None:
    method, path = call.split()
    with door.admin as admin:
        answer = admin.request(method, path, content=body, headers={"Content-Type": "application/json"}).json()
    told = answer["errors"][0]["message"] if "errors" in answer else answer["detail"]
    assert told.endswith(says)


def test_a_tenant_may_not(film_a: httpx.Client) -> None:
    assert film_a.get("/v1/models").status_code == 403
    assert film_a.post("/v1/models/upscale:unload").status_code == 403


def test_the_command_line_does_the_same(door: FrontDoor, residency: Residency) -> None:
    def orchestrator(*words: str) -> str:
        connection = ("--url", door.url, "--api-key", SECRETS.admin_key)
        done = CliRunner().invoke(build_cli(), ["models", *words, *connection])
        assert done.exit_code == 0, done.output
        return done.output

    assert "upscale@2" in orchestrator("list")
    assert json.loads(orchestrator("show", "upscale", "--json"))["state"] == "ready"
    assert "pinned" in orchestrator("pin", "upscale")
    orchestrator("unpin", "upscale")
    orchestrator("unload", "upscale")
    orchestrator("load", "shots")
    assert set(residency.wanted()) == {"shots"}
