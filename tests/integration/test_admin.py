"""Projects and keys over HTTP and on the command line (`docs/http.md`), over a real store."""

import json
from collections.abc import Iterator

import httpx
import pytest
from front_door import SECRETS, FrontDoor
from typer.testing import CliRunner, Result

from orchestrator.cli.app import build_cli
from orchestrator.client import ApiError, Client
from orchestrator.domain.api_key import Scope


@pytest.fixture
def admin(door: FrontDoor) -> Iterator[httpx.Client]:
    with door.admin as caller:
        yield caller


@pytest.fixture
def client(door: FrontDoor) -> Iterator[Client]:
    with Client(door.url, SECRETS.admin_key, tries=1) as client:
        yield client


def require(answer: httpx.Response, status: int, *, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code)


class TestKeys:
    def test_a_new_key_opens_its_project_until_it_is_revoked(self, door: FrontDoor, admin: httpx.Client) -> None:
        made = admin.post("/v1/keys", json={"project": "film-c", "scopes": ["tasks:write"], "expires_in_s": 3600})
        assert made.status_code == 201
        key = made.json()
        assert (key["project"], key["name"], key["scopes"], key["live"]) == (
            "film-c",
            "tasks:write",
            ["tasks:write"],
            True,
        )
        with door.caller_with(key["key"]) as holder:
            task = holder.post("/v1/tasks", json={"type": "system.echo"})
            assert (task.status_code, task.json()["project"]) == (202, "film-c")
            assert holder.get(task.headers["Location"]).status_code == 200, "tasks:write includes tasks:read"
        ended = admin.delete(f"/v1/keys/{key['id']}").json()
        assert (ended["live"], ended["revoked_at"] is not None) == (False, True)
        assert admin.delete(f"/v1/keys/{key['id']}").json() == ended

    def test_its_text_is_shown_once(self, admin: httpx.Client) -> None:
        key = admin.post("/v1/keys", json={"project": "film-c", "scopes": ["tasks:read"]}).json()
        listed = admin.get("/v1/keys", params={"project": "film-c"}).json()["items"]
        assert listed == [{name: value for name, value in key.items() if name != "key"}]

    def test_two_live_keys_of_a_name_are_for_a_rotation(self, admin: httpx.Client) -> None:
        body = {"project": "film-c", "scopes": ["tasks:write"], "name": "render farm"}
        old = admin.post("/v1/keys", json=body).json()
        assert admin.post("/v1/keys", json=body).status_code == 201
        require(admin.post("/v1/keys", json=body), 409, code="too_many_keys")
        admin.delete(f"/v1/keys/{old['id']}")
        assert admin.post("/v1/keys", json=body).status_code == 201

    def test_nobody_gives_a_scope_beyond_the_project_that_he_has_not(self, door: FrontDoor) -> None:
        with door.caller_with(door.make_key("studio", Scope.PROJECTS_ADMIN)) as manager:
            for scope in ("tasks:read", "tasks:write", "projects:admin"):
                body = {"project": "film-c", "scopes": [scope]}
                assert manager.post("/v1/keys", json=body).status_code == 201
            for scope in ("models:admin", "metrics:read"):
                require(manager.post("/v1/keys", json={"project": "film-c", "scopes": [scope]}), 403, code="forbidden")

    def test_what_is_not_there(self, admin: httpx.Client) -> None:
        require(admin.delete(f"/v1/keys/key_{'0' * 26}"), 404, code="key_not_found")
        require(admin.get("/v1/keys?project=nobody"), 404, code="project_not_found")


class TestProjects:
    def test_limits_are_set_changed_and_taken_away(self, admin: httpx.Client) -> None:
        made = admin.post("/v1/projects", json={"slug": "film-c", "weight": 3, "max_running": 8})
        assert (made.status_code, made.headers["Location"]) == (201, "/v1/projects/film-c")
        changed = admin.patch("/v1/projects/film-c", json={"max_running": None, "requests_per_s": 20, "burst": 40})
        assert changed.json() == made.json() | {"max_running": None, "requests_per_s": 20, "burst": 40}
        assert admin.get("/v1/projects/film-c").json() == changed.json()
        assert admin.patch("/v1/projects/film-c", json={"weight": None}).json()["weight"] == 1
        require(admin.post("/v1/projects", json={"slug": "film-c"}), 409, code="project_exists")

    def test_pages_follow_one_another(self, admin: httpx.Client) -> None:
        admin.get("/v1/projects")  # the admin's own project is made with its first call
        first = admin.get("/v1/projects?limit=2").json()
        assert [project["slug"] for project in first["items"]] == ["film-a", "film-b"]
        rest = admin.get("/v1/projects", params={"limit": 2, "cursor": first["next"]}).json()
        assert [project["slug"] for project in rest["items"]] == ["studio"]
        assert rest["next"] is None

    def test_what_is_not_there(self, admin: httpx.Client) -> None:
        require(admin.get("/v1/projects/nobody"), 404, code="project_not_found")
        require(admin.patch("/v1/projects/nobody", json={"weight": 2}), 404, code="project_not_found")

    @pytest.mark.parametrize("body", [{"weight": 0}, {"weight": 1e9}, {"max_running": -1}, {"wait": 3}, {"burst": 1.5}])
    def test_limits_that_make_no_sense(self, admin: httpx.Client, body: dict[str, float]) -> None:
        require(admin.patch("/v1/projects/film-a", json=body), 422, code="invalid_request")


class TestClient:
    def test_projects(self, client: Client) -> None:
        made = client.projects.create("film-c", weight=2, max_queued=10)
        assert (made.weight, made.limits["max_queued"], made.limits["burst"]) == (2, 10, None)
        assert client.projects.change("film-c", max_queued=None).limits["max_queued"] is None
        assert client.projects.get("film-c").weight == 2
        assert [project.slug for project in client.projects.list()] == ["film-a", "film-b", "film-c", "studio"]

    def test_keys(self, door: FrontDoor, client: Client) -> None:
        made = client.keys.create("film-c", ["tasks:write"], name="farm", expires_in_s=600)
        assert made.text not in repr(made)
        assert made.key.expires_at is not None
        with Client(door.url, made.text) as holder:
            assert holder.submit("system.echo").project == "film-c"
            with pytest.raises(ApiError, match="lacks the scope projects:admin"):
                holder.keys.list("film-c")
        assert [key.is_live for key in client.keys.list("film-c")] == [True]
        assert not client.keys.revoke(made.key.id).is_live


def run_cli(door: FrontDoor, *words: str) -> Result:
    environment = {"ORCH_URL": door.url, "ORCH_API_KEY": SECRETS.admin_key, "COLUMNS": "200"}
    return CliRunner().invoke(build_cli(), list(words), env=environment)


class TestCommandLine:
    def test_a_key_for_a_new_project(self, door: FrontDoor) -> None:
        made = run_cli(door, "keys", "create", "--project", "film-c", "--scope", "tasks:write", "--json")
        assert made.exit_code == 0, made.output
        key = json.loads(made.stdout)
        with door.caller_with(key["key"]) as holder:
            assert holder.post("/v1/tasks", json={"type": "system.echo"}).status_code == 202
        listed = run_cli(door, "keys", "list", "--project", "film-c")
        assert key["id"] in listed.stdout
        assert key["key"] not in listed.stdout
        revoked = json.loads(run_cli(door, "keys", "revoke", key["id"], "--json").stdout)
        assert (revoked["id"], revoked["live"]) == (key["id"], False)

    def test_people_see_the_key_whole_and_are_told_to_keep_it(self, door: FrontDoor) -> None:
        made = run_cli(door, "keys", "create", "--project", "film-c", "--scope", "tasks:read", "--expires-days", "1")
        assert [line for line in made.stdout.splitlines() if line.startswith("orch_key_")]
        assert "not shown again" in made.stderr

    def test_limits_of_a_project(self, door: FrontDoor) -> None:
        for weight in (3, 4):
            done = run_cli(door, "projects", "set", "film-c", f"weight={weight}", "max_running=8", "--json")
            assert json.loads(done.stdout)["weight"] == weight
        assert "max_running=8" in run_cli(door, "projects", "list").stdout
        wrong = run_cli(door, "projects", "set", "film-c", "weigth=3")
        assert (wrong.exit_code, "weigth" in wrong.stderr) == (1, True)
