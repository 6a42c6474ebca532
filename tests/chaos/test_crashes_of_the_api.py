"""The API dies at every call that it makes for a client, who does what the documentation says: ask again."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import crashing_parts
import httpx
import pytest
from crash_world import API_KEY, World, Worlds
from crashing_parts import Point, around
from processes import wait_for
from verdict import TERMINAL, endings, find_misplaced, status_of

from orchestrator.local.loopback import pick_ports
from orchestrator.settings import Settings

pytestmark = pytest.mark.timeout(120)

ACCEPTED, CREATED, CONFLICT = 202, 201, 409
SUBMITS = (
    *around("intake", "replay"),
    *around("storage", "head"),
    *around("intake", "submit"),
    *around("pulses", "ring"),
)
BEFORE_RETRY, *AFTER_RETRY = (*around("intake", "resubmit"), *around("pulses", "ring"))


@dataclass(frozen=True)
class Office:
    """A world with an API that nothing kills, and the ids of all tasks that it accepted."""

    world: World
    client: httpx.Client
    accepted: list[str] = field(default_factory=list)

    def ask_twice(self, point: Point, path: str, *, body: Mapping[str, object]) -> httpx.Response:
        """Ask an API that dies at the point, then this one with the very same words; what it answered."""
        settings = with_own_port(self.world.settings)
        doomed = self.world.start(crashing_parts.answer, settings, point)
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        with calling(settings) as client, pytest.raises(httpx.TransportError):
            client.post(path, json=body, headers=headers)
        doomed.join(20)
        assert doomed.exitcode == crashing_parts.DIED
        return self.client.post(path, json=body, headers=headers)

    def count_recorded(self) -> int:
        return self.world.store.zcard(f"orch:tasks:{self.world.project}")

    def submit(self) -> str:
        answer = self.client.post("/v1/tasks", json={"type": "system.echo"})
        assert answer.status_code == ACCEPTED
        self.accepted.append(answer.json()["id"])
        return self.accepted[-1]


def with_own_port(settings: Settings) -> Settings:
    return settings.model_copy(update={"api": settings.api.model_copy(update={"port": pick_ports(1)[0]})})


@contextmanager
def calling(settings: Settings) -> Iterator[httpx.Client]:
    """A client of the API with these settings, which answers by now."""
    headers = {"Authorization": f"Bearer {API_KEY}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{settings.api.port}", headers=headers, timeout=30) as client:
        wait_for(lambda: answers(client))
        yield client


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/livez").is_success
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def office(worlds: Worlds) -> Iterator[Office]:
    with worlds.open() as world:
        process = world.start(crashing_parts.answer, world.settings, None)
        try:
            with calling(world.settings) as client:
                yield Office(world, client)
        finally:
            process.kill()
            process.join()


@pytest.mark.parametrize("point", SUBMITS, ids=str)
def test_fault_08_a_submit_repeated_after_a_crash_makes_one_task(office: Office, point: Point) -> None:
    before = office.count_recorded()
    body = {"type": "image.upscale", "input": {"object": office.world.picture.key}}
    answer = office.ask_twice(point, "/v1/tasks", body=body)
    assert answer.status_code == ACCEPTED, answer.text
    assert office.count_recorded() == before + 1
    was_recorded = point in {around("intake", "submit")[1], *around("pulses", "ring")}
    assert ("Idempotency-Replayed" in answer.headers) == was_recorded
    office.accepted.append(answer.json()["id"])


@pytest.mark.parametrize("point", around("intake", "cancel"), ids=str)
def test_fault_08_a_cancel_repeated_after_a_crash_cancels_once(office: Office, point: Point) -> None:
    task_id = office.submit()
    answer = office.ask_twice(point, f"/v1/tasks/{task_id}/cancel", body={})
    assert (answer.status_code, answer.json()["status"]) == (ACCEPTED, "canceled")


@pytest.mark.parametrize("point", [BEFORE_RETRY, *AFTER_RETRY], ids=str)
def test_fault_08_a_retry_repeated_after_a_crash_starts_one_generation(office: Office, point: Point) -> None:
    task_id = office.submit()
    office.world.intake.cancel(office.world.project, task_id)
    answer = office.ask_twice(point, f"/v1/tasks/{task_id}/retry", body={"generation": 1})
    assert answer.status_code == (ACCEPTED if point == BEFORE_RETRY else CONFLICT), answer.text
    task = office.client.get(f"/v1/tasks/{task_id}").json()
    assert (task["generation"], task["status"]) == (2, "queued")


@pytest.mark.parametrize("point", [*around("log", "reserve"), *around("uploads", "open")], ids=str)
def test_fault_08_an_upload_asked_for_again_after_a_crash_is_offered(office: Office, point: Point) -> None:
    body = {"filename": "a.png", "content_type": "image/png", "size_bytes": 10}
    assert office.ask_twice(point, "/v1/uploads", body=body).status_code == CREATED


def test_fault_08_every_task_that_was_accepted_ends_once(office: Office) -> None:
    world = office.world
    with world.surviving(("image", "io")):
        world.await_all(office.accepted)
    assert {status_of(world.store, task_id) for task_id in office.accepted} <= TERMINAL
    told = [ended for task_id in office.accepted for ended in endings(world.store, task_id).values()]
    assert [ended for ended in told if len(ended) != 1] == []
    assert find_misplaced(world.store, office.accepted) == []
    world.finish_walk()
    world.sweep()
    world.assert_empty()
    assert world.store.zcard("orch:uploads") == 0
