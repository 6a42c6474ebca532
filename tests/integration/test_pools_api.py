"""Pinning a project over HTTP and on the command line, and being told that its pool has no worker."""

import json
from collections.abc import Iterator

import httpx
import pytest
from front_door import SECRETS, FrontDoor
from record_store import RecordStore, open_store
from typer.testing import CliRunner

from orchestrator.adapters.redis.health import RedisHealth
from orchestrator.cli.app import build_cli
from orchestrator.client import Client
from orchestrator.domain.api_key import Scope

ECHO = {"type": "system.echo"}
POOLED = "io@stage-1"


@pytest.fixture
def admin(door: FrontDoor) -> Iterator[httpx.Client]:
    with door.admin as caller:
        yield caller


@pytest.fixture
def pinned(door: FrontDoor, admin: httpx.Client) -> Iterator[httpx.Client]:
    """Who submits for a project that is pinned to a pool."""
    assert admin.post("/v1/projects", json={"slug": "film-p", "pool": "stage-1"}).json()["pool"] == "stage-1"
    with door.caller_with(door.make_key("film-p", Scope.TASKS_WRITE)) as caller:
        yield caller


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        yield opened


def sign_for(store: RecordStore, lane: str) -> None:
    """As a worker of the lane does every two seconds."""
    RedisHealth(store.client).sign(f"worker-{lane}", 4711)


class TestPinning:
    def test_a_submit_rings_the_pool(self, door: FrontDoor, pinned: httpx.Client) -> None:
        task = pinned.post("/v1/tasks", json=ECHO).json()
        assert door.bells.rung == [POOLED]
        assert door.next_run().task.id == task["id"]

    def test_a_batch_rings_it_once(self, door: FrontDoor, pinned: httpx.Client) -> None:
        batch = pinned.post("/v1/tasks:batch", json={"tasks": [ECHO, ECHO]})
        assert (batch.status_code, door.bells.rung) == (202, [POOLED])
        assert {door.worker.claim(POOLED).task.project for _ in range(2)} == {"film-p"}

    def test_a_change_moves_what_waits_and_null_takes_it_back(self, door: FrontDoor, admin: httpx.Client) -> None:
        with door.caller() as film_a:
            tasks = [film_a.post("/v1/tasks", json=ECHO).json()["id"] for _ in range(2)]
        assert admin.patch("/v1/projects/film-a", json={"pool": "stage-1"}).json()["pool"] == "stage-1"
        assert door.worker.claim(POOLED).task.id == tasks[0]
        assert admin.patch("/v1/projects/film-a", json={"pool": None}).json()["pool"] is None
        assert door.worker.claim("io").task.id == tasks[1]

    @pytest.mark.parametrize("pool", ["", "Stage 1", "a@b", "a.solo", "a:b", "x" * 41])
    def test_names_that_are_none(self, admin: httpx.Client, pool: str) -> None:
        assert admin.patch("/v1/projects/film-a", json={"pool": pool}).status_code == 422

    def test_on_the_command_line(self, door: FrontDoor) -> None:
        def run(*words: str) -> str:
            env = {"ORCH_URL": door.url, "ORCH_API_KEY": SECRETS.admin_key, "COLUMNS": "200"}
            done = CliRunner().invoke(build_cli(), words, env=env)
            assert done.exit_code == 0, done.output
            return done.stdout

        assert json.loads(run("projects", "set", "film-p", "pool=stage-1", "--json"))["pool"] == "stage-1"
        assert "stage-1" in run("projects", "list")
        assert json.loads(run("projects", "set", "film-p", "pool=null", "--json"))["pool"] is None

    def test_in_the_client(self, door: FrontDoor) -> None:
        with Client(door.url, SECRETS.admin_key, tries=1) as client:
            assert client.projects.create("film-p", pool="stage-1").pool == "stage-1"
            assert client.projects.change("film-p", pool=None).pool is None


class TestPoolWithoutAWorker:
    def test_a_submit_is_accepted_and_told_so(self, store: RecordStore, pinned: httpx.Client) -> None:
        answer = pinned.post("/v1/tasks", json=ECHO)
        assert (answer.status_code, answer.json()["queue"]["no_worker"]) == (202, POOLED)
        assert pinned.get(answer.headers["Location"]).json()["queue"]["no_worker"] == POOLED
        sign_for(store, POOLED)
        assert pinned.get(answer.headers["Location"]).json()["queue"]["no_worker"] is None
        assert pinned.post("/v1/tasks", json=ECHO).json()["queue"]["no_worker"] is None

    def test_a_repeat_is_told_the_same(self, store: RecordStore, pinned: httpx.Client) -> None:
        first = pinned.post("/v1/tasks", json=ECHO, headers={"Idempotency-Key": "k"})
        sign_for(store, POOLED)
        again = pinned.post("/v1/tasks", json=ECHO, headers={"Idempotency-Key": "k"})
        assert first.json()["queue"]["no_worker"] == POOLED
        assert again.content == first.content

    def test_an_estimate_says_so(self, pinned: httpx.Client) -> None:
        estimate = pinned.post("/v1/tasks:estimate", json=ECHO).json()
        assert (estimate["queue"]["no_worker"], estimate["queue"]["eta_s"]) == (POOLED, None)

    def test_readiness_names_it_and_stays(self, pinned: httpx.Client) -> None:
        answer = pinned.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (200, "ready")
        assert answer.json()["warnings"] == {"workers": "pool stage-1 has no worker"}
