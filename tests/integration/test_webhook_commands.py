"""`orchestrator webhooks` against the real API and a real receiver."""

import json
from collections.abc import Iterator

import pytest
import structlog
from front_door import KEYS, FrontDoor
from hostile_web import PUBLIC
from typer.testing import CliRunner, Result
from webhook_receiver import Receiver, Reply, receiver

from orchestrator.cli.app import build_cli


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver(host=PUBLIC) as made:
        yield made


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The log of the API, which runs in this process, is no output of a command."""
    with structlog.testing.capture_logs():
        yield


def run_cli(door: FrontDoor, *words: str) -> Result:
    environment = {"ORCH_URL": door.url, "ORCH_API_KEY": KEYS["film-a"], "COLUMNS": "250"}
    return CliRunner().invoke(build_cli(), ["webhooks", *words], env=environment)


def test_an_endpoint_is_made_with_its_secret_changed_and_forgotten(door: FrontDoor, there: Receiver) -> None:
    made = run_cli(door, "create", there.url, "--event", "task.failed", "--description", "dailies")
    assert made.exit_code == 0, made.output
    secret = next(line for line in made.stdout.splitlines() if line.startswith("whsec_"))
    assert there.heard[0].verified(secret)["type"] == "webhook.ping"
    assert "ping: answered 204 (ok)" in made.stderr
    (shown,) = json.loads(run_cli(door, "list", "--json").stdout)
    changed = run_cli(door, "change", shown["id"], "--event", "task.progress", "--disable")
    assert "progress" in changed.stdout
    assert "no, by its project" in changed.stdout
    assert run_cli(door, "delete", shown["id"]).exit_code == 0
    assert json.loads(run_cli(door, "list", "--json").stdout) == []


def test_a_ping_that_is_not_taken_ends_with_status_1(door: FrontDoor, there: Receiver) -> None:
    made = json.loads(run_cli(door, "create", there.url, "--json").stdout)
    assert run_cli(door, "ping", made["id"]).exit_code == 0
    there.answer = lambda _said: Reply(500)
    failed = run_cli(door, "ping", made["id"], "--json")
    assert (failed.exit_code, json.loads(failed.stdout)["code"]) == (1, "receiver_failed")


def test_secrets_are_rotated_and_shown(door: FrontDoor, there: Receiver) -> None:
    made = json.loads(run_cli(door, "create", there.url, "--json").stdout)
    rotated = run_cli(door, "rotate", made["id"])
    assert rotated.stdout.startswith("whsec_")
    assert "signs as well until" in rotated.stderr
    assert json.loads(run_cli(door, "rotate", made["id"], "--overlap-s", "0", "--json").stdout)["both_until"] is None
    own = run_cli(door, "secret").stdout
    assert run_cli(door, "secret").stdout == own
    assert run_cli(door, "secret", "--rotate").stdout != own
