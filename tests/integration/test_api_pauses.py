"""Pausing and resuming over HTTP, on the command line and in the doctor's report (`docs/operations.md`)."""

import json
import re
from collections.abc import Iterator

import httpx
import pytest
from front_door import SECRETS, FrontDoor
from typer.testing import CliRunner, Result

from orchestrator.adapters.redis.inspection import RedisInspection
from orchestrator.cli.app import build_cli
from orchestrator.cli.doctor_tables import build_tables
from orchestrator.client import Client, errors
from orchestrator.domain.api_key import Scope
from orchestrator.services.upkeep.diagnose import Diagnose


@pytest.fixture
def admin(door: FrontDoor) -> Iterator[httpx.Client]:
    with door.admin as caller:
        yield caller


@pytest.fixture
def client(door: FrontDoor) -> Iterator[Client]:
    """An operator's."""
    with Client(door.url, SECRETS.admin_key, tries=1) as client:
        yield client


@pytest.fixture
def own(door: FrontDoor) -> Iterator[Client]:
    """The project's, that may do what a tenant may."""
    with Client(door.url, door.make_key("film-a", Scope.TASKS_WRITE), tries=1) as client:
        yield client


def orchestrator(door: FrontDoor, *words: str) -> Result:
    return CliRunner().invoke(build_cli(), [*words, "--url", door.url, "--api-key", SECRETS.admin_key, "--json"])


class TestOperators:
    def test_a_paused_lane_takes_tasks_and_says_so(self, door: FrontDoor, client: Client, own: Client) -> None:
        paused = client.pauses.pause("lane:io", reason="driver update")
        assert (paused.what, paused.by, paused.by_operator, paused.reason) == (
            "lane:io",
            "admin",
            True,
            "driver update",
        )
        task = own.get(own.submit("system.echo").id)
        assert task.raw["queue"]["eta_s"] is None
        assert task.raw["queue"]["paused"] == ["lane:io"]
        assert client.pauses.list() == (paused,)
        door.bells.rung.clear()
        assert client.pauses.resume("lane:io") == paused
        assert door.bells.rung == ["io"]
        assert client.pauses.resume("lane:io") is None
        assert door.next_run().task.id == task.id

    def test_what_is_not_there_cannot_be_paused(self, admin: httpx.Client) -> None:
        for what, status, code in (
            ("lane:vidoe", 422, "invalid_params"),
            ("type:system.ecko", 422, "invalid_params"),
            ("model:echoes", 422, "invalid_params"),
            ("project:nobody", 404, "project_not_found"),
            ("task:t1", 422, "invalid_request"),
            ("lane", 422, "invalid_request"),
        ):
            answer = admin.put(f"/v1/pauses/{what}")
            assert (answer.status_code, answer.json()["code"]) == (status, code), what
        assert "there are audio, image, io, video" in admin.put("/v1/pauses/lane:vidoe").json()["detail"]

    def test_the_probe_warns_of_it_and_names_no_project(self, door: FrontDoor, client: Client) -> None:
        client.pauses.pause("lane:video")
        client.pauses.pause("project:film-a")
        told = httpx.get(f"{door.url}/readyz").json()["warnings"]["pauses"]
        assert re.fullmatch(r"paused: lane:video since \d{4}-\d\d-\d\dT[\d:]{8}Z, 1 project", told)

    def test_a_pool_of_a_lane_is_a_lane(self, client: Client) -> None:
        assert client.pauses.pause("lane:video@film-a").what == "lane:video@film-a"

    def test_the_view_of_a_project_says_whether_it_is_paused(self, client: Client) -> None:
        assert not client.projects.get("film-a").raw["paused"]
        client.pauses.pause("project:film-a")
        assert client.projects.get("film-a").raw["paused"]
        assert [project.slug for project in client.projects.list() if project.raw["paused"]] == ["film-a"]


class TestProjects:
    def test_it_pauses_and_resumes_its_own_tasks(self, client: Client, own: Client) -> None:
        assert own.pauses.pause_own(reason="wrong grade").by_operator is False
        assert [pause.what for pause in client.pauses.list()] == ["project:film-a"]
        resumed = own.pauses.resume_own()
        assert resumed
        assert resumed.reason == "wrong grade"

    def test_what_an_operator_has_paused_it_cannot_resume(self, client: Client, own: Client) -> None:
        client.pauses.pause("project:film-a", reason="unpaid")
        assert own.pauses.pause_own(reason="mine").reason == "unpaid"
        with pytest.raises(errors.Forbidden):
            own.pauses.resume_own()
        assert client.pauses.resume("project:film-a")


class TestCommandLine:
    def test_pause_list_resume(self, door: FrontDoor) -> None:
        made = orchestrator(door, "pause", "type:system.echo", "--reason", "a bug")
        assert made.exit_code == 0, made.output
        pause = json.loads(made.stdout)
        assert (pause["what"], pause["reason"]) == ("type:system.echo", "a bug")
        assert json.loads(orchestrator(door, "pauses").stdout) == [pause]
        assert json.loads(orchestrator(door, "resume", "type:system.echo").stdout) == pause
        assert json.loads(orchestrator(door, "resume", "type:system.echo").stdout) == {}

    def test_a_project_has_its_own_words_for_it(self, door: FrontDoor) -> None:
        assert json.loads(orchestrator(door, "tasks", "pause", "--reason", "x").stdout)["what"] == "project:studio"
        assert json.loads(orchestrator(door, "tasks", "resume").stdout)["reason"] == "x"

    def test_a_misspelt_lane_is_an_error(self, door: FrontDoor) -> None:
        refused = orchestrator(door, "pause", "lane:vidoe")
        assert refused.exit_code == 1
        assert "there is no lane 'vidoe'" in refused.stderr


def test_the_doctor_shows_it(door: FrontDoor, client: Client) -> None:
    client.pauses.pause("model:echo", reason="swap")
    inspection = RedisInspection(door.worker.claims.scripts, lease_ms=30_000)
    report = Diagnose(inspection, pulses=lambda _: 0, duties=(), lanes=("io",), lease_s=30).report(limit=100)
    assert [str(pause.what) for pause in report.paused] == ["model:echo"]
    assert "paused" in {table.title for table in build_tables(report)}
