"""Fault 31: a PayloadCMS that fails, falls silent after its commit, or is written to from two sides. One document for a
task, which is never put back.
"""

import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import httpx
import pytest
from fault_proxy import fault_proxy
from faults import Loss, Refusal
from http_faults import HttpFaults, HttpScreen, is_request
from payload_cms_server import Payload

from orchestrator.adapters.payload_cms import PayloadAddress, PayloadApi, PayloadCms
from orchestrator.domain.breaker import Outcome, judge
from orchestrator.domain.content import FAULTY, ContentNames, DocumentRef
from orchestrator.domain.errors import OrchestratorError, Unavailable
from orchestrator.domain.task import Status
from orchestrator.ports.content import TaskDocument, Version

NAMES = ContentNames()
STORY = (Status.QUEUED, Status.RUNNING, Status.QUEUED, Status.RUNNING, Status.SUCCEEDED)
WORDS = b'{"errors":[{"message":"Something went wrong."}]}'
BROKEN = b"HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (
    len(WORDS),
    WORDS,
)
AWAY = b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 6\r\n\r\n<html>"


@dataclass
class Room:
    """A Payload behind a proxy, its editor, and a task of which something is to be told."""

    server: Payload
    url: str
    faults: HttpFaults
    see: httpx.Client
    task_id: str = field(default_factory=lambda: f"task_{secrets.token_hex(8)}")

    def api(self) -> PayloadApi:
        return PayloadApi(PayloadAddress(self.url, self.server.api_key), timeout_s=2)

    def state(self, seq: int, *, generation: int = 1) -> TaskDocument:
        status = STORY[seq - 1]
        version = Version(generation, seq, epoch=seq // 2, progress=float(status is Status.SUCCEEDED))
        return TaskDocument(NAMES, self.task_id, "image.upscale", status, version, result={"seq": seq})

    @property
    def document(self) -> dict[str, Any]:
        """The only one."""
        where = {"where[externalId][equals]": self.task_id, "depth": "0", "trash": "true"}
        (found,) = self.see.get("/inference-jobs", params=where).raise_for_status().json()["docs"]
        return dict(found)

    @property
    def shown(self) -> tuple[str, int, int, int]:
        """All of it is of one state."""
        document = self.document
        assert document["result"] == {"seq": document["seq"]}
        return document["status"], document["generation"], document["seq"], document["epoch"]


@pytest.fixture
def room(payload_server: Payload) -> Iterator[Room]:
    faults, port = HttpFaults(), int(payload_server.url.rpartition(":")[2])
    key = {"Authorization": f"users API-Key {payload_server.api_key}"}
    with (
        fault_proxy(port, partial(HttpScreen, faults)) as proxy,
        httpx.Client(base_url=f"{payload_server.url}/api", headers=key) as see,
    ):
        yield Room(payload_server, f"http://127.0.0.1:{proxy.port}", faults, see)


@pytest.fixture
def cms(room: Room) -> Iterator[PayloadCms]:
    with closing(room.api()) as api:
        yield PayloadCms(api)


def insist(cms: PayloadCms, document: TaskDocument) -> int:
    """Put it as a delivery does, again and again; how often it failed."""
    for failed in range(8):
        try:
            cms.put(document)
        except OrchestratorError:
            continue
        return failed
    raise AssertionError("it is not put at all")


@pytest.mark.parametrize("line", [b"POST", b"PATCH", b"GET"])
def test_an_answer_that_is_lost_after_the_commit_makes_no_second_document(
    room: Room, cms: PayloadCms, line: bytes
) -> None:
    with room.faults.making(Loss(matches=is_request(line), times=2)):
        failed = [insist(cms, room.state(seq)) for seq in range(1, 6)]
    assert sum(failed) == {b"POST": 1}.get(line, 2)
    assert room.shown == ("succeeded", 1, 5, 2)


@pytest.mark.parametrize(("answer", "code"), [(BROKEN, FAULTY), (AWAY, "dependency_unavailable")])
def test_a_payload_that_fails_is_told_the_same_again(room: Room, cms: PayloadCms, answer: bytes, code: str) -> None:
    refusals = [Refusal(matches=is_request(line), answer=answer, times=2) for line in (b"POST", b"PATCH")]
    with room.faults.making(*refusals), pytest.raises(Unavailable) as failure:
        cms.put(room.state(1))
    assert failure.value.code == code
    with room.faults.making(*refusals):
        assert sum(insist(cms, room.state(seq)) for seq in range(1, 6)) == 3
    assert room.shown == ("succeeded", 1, 5, 2)


class TestTheBreaker:
    """An outage of the CMS is not a fault that it meets with one document, although it says 500 to both."""

    def outcome(self, room: Room, cms: PayloadCms, *, lines: bytes) -> Outcome:
        with (
            room.faults.making(Refusal(matches=is_request(lines), answer=BROKEN, times=100)),
            pytest.raises(Unavailable) as failure,
        ):
            cms.put(room.state(1))
        return judge(failure.value)

    def test_a_fault_with_one_document_says_nothing_of_the_cms(self, room: Room, cms: PayloadCms) -> None:
        assert self.outcome(room, cms, lines=b"POST") is Outcome.WELL

    def test_what_fails_at_everything_is_away(self, room: Room, cms: PayloadCms) -> None:
        """Its database, say: then nothing of it is the fault of what was sent, and no try is wasted."""
        assert self.outcome(room, cms, lines=b"GET|POST") is Outcome.FAILED

    def test_a_real_fault_of_what_was_sent(self, room: Room, cms: PayloadCms) -> None:
        """A relation to a document that is not there: a foreign key of the database."""
        document = replace(room.state(5), outputs=(DocumentRef("media", 4711),))
        with pytest.raises(Unavailable) as failure:
            cms.put(document)
        assert (failure.value.code, judge(failure.value)) == (FAULTY, Outcome.WELL)


def test_two_workers_that_meet_make_one_document_and_the_later_state_stays(room: Room) -> None:
    """As when a lease has lapsed under the one of them. Whoever meets the unique index looks again."""
    with closing(room.api()) as one, closing(room.api()) as two, ThreadPoolExecutor(10) as pool:
        cms = (PayloadCms(one), PayloadCms(two))
        list(pool.map(lambda n: insist(cms[n % 2], room.state(1 + n % 4)), range(10)))
        assert cms[1].put(room.state(5))
        assert not any(pool.map(lambda n: cms[n % 2].put(room.state(1 + n % 4)), range(10)))
    assert room.shown == ("succeeded", 1, 5, 2)


class Stalling(PayloadApi):
    """Stops before it writes, until it is told to go on."""

    def __init__(self, address: PayloadAddress) -> None:
        super().__init__(address)
        self.has_looked, self.may_write = threading.Event(), threading.Event()

    def ask(self, method: str, path: str, **how: Any) -> httpx.Response:  # noqa: ANN401 - as the other does
        if method != "GET" and not self.may_write.is_set():
            self.has_looked.set()
            assert self.may_write.wait(10)
        return super().ask(method, path, **how)


@pytest.mark.parametrize("last", [0, 2])
def test_a_worker_that_was_stopped_between_its_look_and_its_write_puts_nothing_back(
    room: Room, cms: PayloadCms, last: int
) -> None:
    for seq in range(1, last + 1):
        cms.put(room.state(seq))
    stalling = Stalling(PayloadAddress(room.url, room.server.api_key))
    with closing(stalling), ThreadPoolExecutor(1) as pool:
        stopped = pool.submit(PayloadCms(stalling).put, room.state(last + 1))
        assert stalling.has_looked.wait(10)
        assert cms.put(room.state(5))
        stalling.may_write.set()
        assert not stopped.result()
    assert room.shown == ("succeeded", 1, 5, 2)


def test_what_an_editor_saves_meanwhile_is_kept(room: Room, cms: PayloadCms) -> None:
    cms.put(room.state(1))
    stalling = Stalling(PayloadAddress(room.url, room.server.api_key))
    with closing(stalling), ThreadPoolExecutor(1) as pool:
        stopped = pool.submit(PayloadCms(stalling).put, room.state(2))
        assert stalling.has_looked.wait(10)
        room.see.patch(f"/inference-jobs/{room.document['id']}", json={"project": 1}).raise_for_status()
        stalling.may_write.set()
        assert stopped.result()
    assert (room.shown, room.document["project"]) == (("running", 1, 2, 1), 1)


def test_a_document_in_the_trash_is_kept_up_to_date_there(room: Room, cms: PayloadCms) -> None:
    cms.put(room.state(1))
    thrown = {"deletedAt": "2026-11-23T12:00:00.000Z"}
    room.see.patch(f"/inference-jobs/{room.document['id']}", json=thrown).raise_for_status()
    assert cms.put(room.state(5))
    assert room.shown == ("succeeded", 1, 5, 2)
    assert room.document["deletedAt"] == thrown["deletedAt"]
