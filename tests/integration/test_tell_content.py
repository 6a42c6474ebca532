"""What a CMS is told of a task, and of its files; and which projects have one."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from fakes_content import FakeContent
from fakes_storage import MemoryStorage
from record_store import FAILURE, RecordStore, new_task, open_store

from orchestrator.adapters.redis.deliveries import RedisDeliveries
from orchestrator.adapters.redis.projects import RedisProjects
from orchestrator.domain.content import FAULTY, DocumentRef, Outputs
from orchestrator.domain.delivery import Cursor, Delivery, DeliveryStatus
from orchestrator.domain.errors import Category, OrchestratorError, Refused, Unavailable
from orchestrator.domain.project import Project
from orchestrator.domain.retry import GiveUp
from orchestrator.domain.task import Artifact, Progress, Run, Status, TaskEvent
from orchestrator.ports.claims import Beat, Commit
from orchestrator.ports.content import OutputDocument, TaskDocument
from orchestrator.ports.deliveries import Taken
from orchestrator.services.deliveries.register_outputs import RegisterOutputs
from orchestrator.services.deliveries.tell_content import TellContent

LARGEST = 1000


class Choosy(FakeContent):
    """Takes no file of the type ``refused``, and answers it with ``error``."""

    refused = "application/json"
    error: OrchestratorError = Refused("no", service="payload", category=Category.CMS, code="content_invalid")

    def register_file(self, output: OutputDocument, source: Path) -> DocumentRef:
        if output.content_type == self.refused:
            raise self.error
        return super().register_file(output, source)


@dataclass
class Room:
    """A project that is shown in a CMS, and a task of it."""

    store: RecordStore
    scratch: Path
    cms: Choosy = field(default_factory=Choosy)
    storage: MemoryStorage = field(default_factory=MemoryStorage)

    def __post_init__(self) -> None:
        self.projects = RedisProjects(self.store.scripts)
        register = RegisterOutputs(self.cms, self.storage, self.scratch, LARGEST).register
        self.sender = TellContent(self.cms, self.projects, register)
        self.projects.create(Project("film-a", payload_collection="inference-jobs"))

    def tell(self, event: TaskEvent | None = None, *, tries: int = 0) -> str:
        """Of its latest line, or of another."""
        cursor = Cursor()
        delivery = Delivery("t", "film-a", "payload", "payload", DeliveryStatus.PENDING, cursor, tries=tries)
        return self.sender.send(delivery, self.store.task("t"), event=event or self.story[-1])

    @property
    def story(self) -> list[TaskEvent]:
        return [event for event in self.store.reads.events("t") if event.type != "output"]

    @property
    def shown(self) -> TaskDocument:
        return self.cms.tasks["t"]

    def finish(self, **files: tuple[bytes, str]) -> Run:
        run = self.store.claim_one()
        outputs = tuple(self._store(run, name, content=content, kind=kind) for name, (content, kind) in files.items())
        self.store.claims.finish(run, Commit(outputs, {"shots": 3}, {}, actual_s=1.0))
        return run

    def _store(self, run: Run, name: str, *, content: bytes, kind: str) -> Artifact:
        stored = self.storage.put(content, run.prefix + name, content_type=kind)
        return Artifact(name, stored.key, kind, stored.size_bytes, "0" * 64)


@pytest.fixture
def room(redis_url: str, tmp_path: Path) -> Iterator[Room]:
    with open_store(redis_url) as store:
        room = Room(store, tmp_path)
        store.submit(replace(new_task("t"), params={"scale": 4}))
        yield room
        assert list(tmp_path.iterdir()) == [], "no file is left behind"


def test_each_status_is_shown_as_of_its_event(room: Room) -> None:
    assert room.tell() == "queued"
    assert (room.shown.status, room.shown.params, room.shown.version.seq) == ("queued", {"scale": 4}, 1)
    assert not room.shown.started_at_ms
    run = room.store.claim_one()
    assert room.tell() == "running"
    assert (room.shown.status, room.shown.version.epoch) == ("running", run.epoch)
    assert room.shown.started_at_ms == room.store.now_ms
    room.store.claims.fail(run, FAILURE, decision=GiveUp())
    room.tell()
    assert (room.shown.status, room.shown.ended_at_ms) == ("failed", room.store.now_ms)
    assert room.shown.error == {
        "code": "no_answer",
        "category": "network",
        "message": "There was no answer.",
        "retryable": True,
    }
    room.store.intake.resubmit("film-a", "t", generation=1)
    room.tell()
    retried = room.shown
    assert (retried.status, retried.version.generation, retried.error, retried.ended_at_ms) == ("queued", 2, None, None)


def test_a_line_of_yesterday_says_nothing_of_today(room: Room) -> None:
    room.finish(still=(b"still", "image/png"))
    queued, running, _ = room.story
    for event in (queued, running):
        assert room.tell(event) == event.type
        assert (room.shown.status, room.shown.result, room.shown.outputs) == (event.type, None, ())
    room.tell()
    assert (room.shown.status, room.shown.result) == ("succeeded", {"shots": 3})
    assert room.tell(running) == "shows a later state"


def test_progress_is_shown_until_the_end(room: Room) -> None:
    run = room.store.claim_one()
    room.tell()
    for fraction in (0.4, 0.8):
        room.store.claims.beat([Beat(run, Progress("infer", fraction))])
        room.tell(replace(room.story[-1], type="progress", data={"fraction": fraction}))
        assert (room.shown.status, room.shown.version.progress) == ("running", fraction)
    room.store.claims.fail(run, FAILURE, decision=GiveUp())
    room.tell()
    assert room.shown.version.progress == 0.8


def test_outputs_are_documents_before_the_end_is_shown(room: Room) -> None:
    run = room.finish(still=(b"still", "image/png"))
    assert room.tell() == "succeeded, 1 of 1 outputs"
    assert room.cms.files == {f"{run.prefix}still": b"still"}
    assert room.shown.outputs == (DocumentRef("media", 1),)
    assert room.tell() == "succeeded, 1 of 1 outputs", "again"
    assert len(room.cms.files) == 1


@pytest.mark.parametrize(
    ("fields", "files", "links"),
    [
        ({}, ["small"], []),
        ({"cdn_url": "https://cdn.example/"}, [], ["large", "receipt", "small"]),
        ({"cdn_url": "https://cdn.example", "payload_outputs": Outputs.FILE}, ["small"], ["large", "receipt"]),
        ({"cdn_url": "https://cdn.example", "payload_outputs": Outputs.NONE}, [], []),
        ({"payload_outputs": Outputs.LINK}, [], []),
    ],
)
def test_an_output_is_a_file_a_link_or_nothing(
    room: Room, fields: dict[str, Any], files: list[str], links: list[str]
) -> None:
    room.projects.change("film-a", fields)
    run = room.finish(
        large=(bytes(LARGEST + 1), "video/mp4"), receipt=(b"{}", "application/json"), small=(b"small", "image/png")
    )
    room.tell()
    assert sorted(room.cms.files) == [run.prefix + name for name in files]
    assert room.cms.links == {run.prefix + name: f"https://cdn.example/{run.prefix}{name}" for name in links}
    assert len(room.shown.outputs) == len(files) + len(links)


def test_an_output_that_is_swept_already_keeps_no_end_from_being_told(room: Room) -> None:
    run = room.finish(still=(b"still", "image/png"))
    room.storage.delete(f"{run.prefix}still")
    assert room.tell() == "succeeded, 0 of 1 outputs"


def test_a_cms_that_fails_over_an_output_is_asked_once_more_and_no_oftener(room: Room) -> None:
    room.cms.error = Unavailable("the CMS failed", service="payload", category=Category.CMS, code=FAULTY)
    room.finish(receipt=(b"{}", "application/json"))
    with pytest.raises(Unavailable):
        room.tell()
    assert "t" not in room.cms.tasks
    assert room.tell(tries=1) == "succeeded, 0 of 1 outputs"


def test_a_cms_that_is_away_is_waited_for(room: Room) -> None:
    room.cms.error = Unavailable("the CMS cannot be reached", service="payload", category=Category.CMS)
    room.finish(receipt=(b"{}", "application/json"))
    with pytest.raises(Unavailable):
        room.tell(tries=7)
    assert "t" not in room.cms.tasks


def test_the_label_names_its_own_document(redis_url: str, tmp_path: Path) -> None:
    with open_store(redis_url) as store:
        room = Room(store, tmp_path)
        own = room.cms.write()
        store.submit(replace(new_task("t"), labels={"payload_document": own}))
        room.tell()
    assert room.cms.own == {own: "t"}


def test_a_project_that_is_shown_nowhere_any_more_is_not_told(room: Room) -> None:
    room.projects.change("film-a", {"payload_collection": None})
    with pytest.raises(Refused) as refused:
        room.tell()
    assert refused.value.code == "endpoint_disabled"


def test_a_projects_tasks_have_a_delivery_exactly_as_long_as_it_is_shown(room: Room) -> None:
    def told() -> object:
        return room.store.client.hget("orch:endpoints:film-a", "payload")

    assert told() == "payload queued running succeeded failed canceled progress deleted"
    room.projects.change("film-a", {"weight": 3})
    assert told() is not None
    room.projects.change("film-a", {"payload_collection": None})
    assert told() is None
    room.projects.change("film-a", {"payload_collection": "jobs", "payload_fields": {"status": "state", "seq": ""}})
    assert told() is not None
    names = room.projects.get("film-a").content
    assert names is not None
    assert (names.tasks, names.files, names.field("status"), names.field("seq")) == ("jobs", "media", "state", "")
    assert names.field("error") == "error"
    assert room.projects.change("film-a", {"payload_fields": {}}).payload_fields == {}


class TestDeleted:
    @pytest.mark.parametrize(("on_delete", "results"), [("unlink", [{"shots": 3}, None]), ("keep", [{"shots": 3}])])
    def test_its_document_shows_nothing_any_more_where_the_project_wants_that(
        self, room: Room, on_delete: str, results: list[Any]
    ) -> None:
        room.projects.change("film-a", {"payload_on_delete": on_delete})
        outbox, shown = RedisDeliveries(room.store.scripts), list[TaskDocument]()
        room.store.submit(new_task("t"))
        room.finish(**{"a.png": (b"...", "image/png")})
        for is_deleted in (False, True):
            if is_deleted:
                room.store.intake.delete("film-a", "t")
            for sending in outbox.claim([f"claim-{is_deleted}"]):
                room.sender.send(sending.delivery, sending.task, event=sending.events[-1])
                assert outbox.conclude([Taken(sending, "ok")]) == ()
                shown.append(room.shown)
        assert [document.result for document in shown] == results
        assert [len(document.outputs) for document in shown] == [1, 0][: len(results)]
        assert {(document.status, document.version.progress) for document in shown} == {(Status.SUCCEEDED, 1.0)}
