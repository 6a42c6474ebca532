"""`ContentSystem`: each promise of the port, kept by the fake and by a real PayloadCMS whose saves interleave."""

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fakes_content import FakeContent
from payload_cms_server import Payload

from orchestrator.adapters.payload_cms import PayloadAddress, PayloadApi, PayloadCms
from orchestrator.domain.content import ContentNames
from orchestrator.domain.errors import Refused
from orchestrator.domain.task import Status
from orchestrator.ports.content import ContentSystem, OutputDocument, TaskDocument, Version

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc0000003010100c9fe92ef"
    "0000000049454e44ae426082"
)
NAMES = ContentNames()


@dataclass
class Room:
    """A CMS, and what its editors see: the statuses of a task's documents, how many files and links have a name. And
    what they do: make a document for a task to come, which is named by its id.
    """

    cms: ContentSystem
    statuses: Callable[[str], list[str]]
    files: Callable[[str], int]
    links: Callable[[str], int]
    write: Callable[[], str]


@pytest.fixture(params=["fake", "payload"])
def room(request: pytest.FixtureRequest) -> Iterator[Room]:
    if request.param == "fake":
        yield fake_room()
    else:
        server: Payload = request.getfixturevalue("payload_server")
        with closing(PayloadApi(PayloadAddress(server.url, server.api_key))) as api, editor(server) as see:
            yield Room(
                PayloadCms(api),
                lambda task: [found["status"] for found in look(see, "inference-jobs", name=task)],
                lambda name: len(look(see, "media", name=name)),
                lambda name: len(look(see, "assets", name=name)),
                lambda: write(see),
            )


def fake_room() -> Room:
    cms = FakeContent()
    return Room(
        cms,
        lambda task: [cms.tasks[task].status.value] if task in cms.tasks else [],
        lambda name: int(name in cms.files),
        lambda name: int(name in cms.links),
        cms.write,
    )


def editor(server: Payload) -> httpx.Client:
    return httpx.Client(base_url=f"{server.url}/api", headers={"Authorization": f"users API-Key {server.api_key}"})


def look(see: httpx.Client, collection: str, *, name: str) -> list[dict[str, Any]]:
    answer = see.get(f"/{collection}", params={"where[externalId][equals]": name, "depth": 0})
    found: list[dict[str, Any]] = answer.raise_for_status().json()["docs"]
    return found


def write(see: httpx.Client) -> str:
    made = see.post("/inference-jobs", json={"type": "image.upscale"}, params={"depth": 0}).raise_for_status()
    return str(made.json()["doc"]["id"])


@pytest.fixture
def task_id() -> str:
    return f"task_{secrets.token_hex(8)}"


def state(task_id: str, status: Status, *, seq: int, generation: int = 1, **more: Any) -> TaskDocument:  # noqa: ANN401 - any other field
    version = Version(generation, seq, epoch=1)
    return TaskDocument(NAMES, task_id, "image.upscale", status, version, {"scale": 4}, **more)


def output(task_id: str) -> OutputDocument:
    return OutputDocument(NAMES, f"{task_id}/still.png", "still.png", "image/png", len(PNG))


def test_a_state_is_shown_in_one_document_that_is_made_when_there_is_none(room: Room, task_id: str) -> None:
    assert room.statuses(task_id) == []
    assert room.cms.put(state(task_id, Status.QUEUED, seq=1))
    assert room.cms.put(state(task_id, Status.RUNNING, seq=2))
    assert room.statuses(task_id) == ["running"]


def test_repeating_it_is_harmless(room: Room, task_id: str) -> None:
    assert all(room.cms.put(state(task_id, Status.RUNNING, seq=2)) for _ in range(2))
    assert room.statuses(task_id) == ["running"]


def test_an_older_state_is_never_written_over_a_newer_one(room: Room, task_id: str) -> None:
    room.cms.put(state(task_id, Status.SUCCEEDED, seq=9))
    assert not room.cms.put(state(task_id, Status.RUNNING, seq=8))
    assert room.statuses(task_id) == ["succeeded"]


def test_a_retry_is_newer_however_short_its_story_is(room: Room, task_id: str) -> None:
    room.cms.put(state(task_id, Status.FAILED, seq=9))
    assert room.cms.put(state(task_id, Status.QUEUED, seq=1, generation=2))
    assert not room.cms.put(state(task_id, Status.FAILED, seq=10))
    assert room.statuses(task_id) == ["queued"]


def test_between_two_lines_of_the_story_it_is_the_progress_that_orders(room: Room, task_id: str) -> None:
    states = [replace(state(task_id, Status.RUNNING, seq=2), version=Version(1, 2, 1, part)) for part in (0, 0.4, 0.8)]
    assert all(room.cms.put(each) for each in states)
    assert not room.cms.put(states[1])


def test_its_own_document_is_the_one_that_the_task_was_submitted_for(room: Room, task_id: str) -> None:
    own = room.write()
    assert room.cms.put(state(task_id, Status.QUEUED, seq=1, own_id=own))
    assert room.cms.put(state(task_id, Status.RUNNING, seq=2, own_id=own))
    assert room.statuses(task_id) == ["running"]


def test_no_other_document_is_made_when_its_own_one_is_gone(room: Room, task_id: str) -> None:
    for none in ("4711", "../users/1", "fd340909-6537-4770-beab-f1968d7bd89f"):
        with pytest.raises(Refused) as refused:
            room.cms.put(state(task_id, Status.QUEUED, seq=1, own_id=none))
        assert refused.value.code == "content_not_found"
    assert room.statuses(task_id) == []


def test_a_document_that_shows_another_task_is_left_to_it(room: Room, task_id: str) -> None:
    own = room.write()
    room.cms.put(state(task_id, Status.SUCCEEDED, seq=3, own_id=own))
    with pytest.raises(Refused) as refused:
        room.cms.put(state(f"{task_id}-b", Status.QUEUED, seq=1, own_id=own))
    assert refused.value.code == "content_taken"
    assert room.statuses(task_id) == ["succeeded"]


def test_two_that_write_at_once_make_one_document(room: Room, task_id: str) -> None:
    """Fault 31. Who wins between them is for the deliveries to settle: they write a task's states one by one."""
    states = [state(task_id, Status.RUNNING, seq=seq) for seq in range(1, 7)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda its: list(map(room.cms.put, its)), (states[::2], states[1::2])))
    assert room.cms.put(state(task_id, Status.SUCCEEDED, seq=7))
    assert not any(map(room.cms.put, states))
    assert room.statuses(task_id) == ["succeeded"]


def test_a_file_is_registered_once_and_can_be_shown_as_an_output(room: Room, task_id: str, tmp_path: Path) -> None:
    source = tmp_path / "still"
    source.write_bytes(PNG)
    first, again = (room.cms.register_file(output(task_id), source) for _ in range(2))
    assert first == again
    assert room.files(output(task_id).external_id) == 1
    assert room.cms.put(state(task_id, Status.SUCCEEDED, seq=5, outputs=(first,)))


def test_a_file_that_is_too_large_for_the_cms_is_refused(room: Room, task_id: str, tmp_path: Path) -> None:
    source = tmp_path / "still"
    source.write_bytes(PNG + bytes(21 * 1024**2))
    with pytest.raises(Refused) as refused:
        room.cms.register_file(output(task_id), source)
    assert refused.value.code == "content_too_large"
    assert room.files(output(task_id).external_id) == 0


def test_a_link_is_registered_once(room: Room, task_id: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = set(
            pool.map(lambda _: room.cms.register_link(output(task_id), "https://cdn.example/still.png"), range(4))
        )
    assert len(found) == 1
    assert room.links(output(task_id).external_id) == 1
