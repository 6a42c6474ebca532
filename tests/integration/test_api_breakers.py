"""What is away, over HTTP and on the command line (`docs/operations.md`)."""

import json

import httpx
import pytest
from front_door import SECRETS, FrontDoor
from record_store import RecordStore, open_store
from typer.testing import CliRunner

from orchestrator.adapters.redis.breakers import RedisBreakers
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.cli.app import build_cli
from orchestrator.client import Client
from orchestrator.domain.breaker import Outcome, Permit


@pytest.fixture(autouse=True)
def broken(redis_url: str, door: FrontDoor) -> None:
    """R2 refuses the credentials, and two hosts of webhooks do not answer."""
    del door  # it empties the store
    with open_store(redis_url) as store:
        breakers = RedisBreakers(now(store).scripts, SystemClock())
        for dependency in ("r2", "webhook:a.example.org", "webhook:b.example.org"):
            breakers.report(Permit(dependency), Outcome.DENIED)


def now(store: RecordStore) -> RecordStore:
    store.scripts.now_ms = None
    return store


def test_an_operator_is_told_what_is_away_and_why(door: FrontDoor) -> None:
    with Client(door.url, SECRETS.admin_key, tries=1) as client:
        found = client.breakers.list()
    assert [breaker.dependency for breaker in found] == ["r2", "webhook:a.example.org", "webhook:b.example.org"]
    assert {(breaker.state, breaker.reason, breaker.openings) for breaker in found} == {("open", "denied", 1)}
    assert (found[0].retry_at - found[0].since).total_seconds() == 5


def test_a_tenant_is_not(film_a: httpx.Client) -> None:
    assert film_a.get("/v1/breakers").status_code == 403


def test_the_command_line_lists_them(door: FrontDoor) -> None:
    words = ("--url", door.url, "--api-key", SECRETS.admin_key)
    listed = CliRunner().invoke(build_cli(), ["breakers", *words, "--json"])
    assert json.loads(listed.output)[0]["dependency"] == "r2"
    assert "denied" in CliRunner().invoke(build_cli(), ["breakers", *words]).output


def test_the_api_stays_ready_and_says_it_without_the_names_of_hosts(door: FrontDoor) -> None:
    answer = httpx.get(f"{door.url}/readyz")
    assert (answer.status_code, answer.json()["warnings"]["breakers"]) == (
        200,
        "away: r2 (denied), 2 hosts of webhooks; what needs it waits",
    )
