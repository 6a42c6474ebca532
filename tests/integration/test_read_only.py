"""A node whose store has lost its records says "later" until they are there again, and never "no such thing"."""

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from fakes_storage import MemoryStorage
from front_door import FrontDoor, front_door
from journal_room import JournalRoom, journal_room
from servers import SeaweedFs

from orchestrator.adapters.system_clock import SystemClock
from orchestrator.services.journal.guard_writes import GuardWrites
from orchestrator.wiring.api_parts import ApiParts

ECHO = {"type": "system.echo"}


@pytest.fixture
def room(redis_url: str, r2_server: SeaweedFs) -> Iterator[JournalRoom]:
    with journal_room(redis_url, r2_server.address) as opened:
        yield opened


@pytest.fixture
def door(redis_url: str, room: JournalRoom) -> Iterator[FrontDoor]:
    with front_door(redis_url, MemoryStorage()) as door:
        parts: ApiParts = door.app.state.parts
        guard = GuardWrites(room.records, room.journal, AlwaysLater())
        submit = replace(parts.submit, intake=room.intake)
        door.app.state.parts = replace(parts, guard=guard, submit=submit)
        yield door


class AlwaysLater(SystemClock):
    """Nothing that was seen is fresh."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def monotonic_s(self) -> float:
        self._now_s += 10.0
        return self._now_s


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


class TestReadOnly:
    def test_everything_is_put_off_until_the_records_are_there_again(self, door: FrontDoor, room: JournalRoom) -> None:
        with door.caller() as film_a:
            task = film_a.post("/v1/tasks", json=ECHO).json()["id"]
            room.journal.note_deleted("film-a", "task_0")  # the journal knows of something
            room.lose_everything()
            for answer in (
                film_a.post("/v1/tasks", json=ECHO),
                film_a.post(f"/v1/tasks/{task}/cancel"),
                film_a.get(f"/v1/tasks/{task}"),
            ):
                assert code_of(answer) == (503, "read_only")
                assert int(answer.headers["Retry-After"]) >= 1
            room.records.begin()
            assert code_of(film_a.delete(f"/v1/tasks/{task}")) == (503, "read_only")
            room.records.end()
            assert code_of(film_a.get(f"/v1/tasks/{task}")) == (404, "task_not_found")

    def test_a_new_node_opens_by_itself(self, door: FrontDoor, room: JournalRoom) -> None:
        room.store.client.delete("orch:journal")
        with door.caller() as film_a:
            assert film_a.post("/v1/tasks", json=ECHO).status_code == 202
