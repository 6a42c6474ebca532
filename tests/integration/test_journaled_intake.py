"""What a client is told was accepted is in the journal; what cannot be journaled was never accepted."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from journal_room import JournalRoom, journal_room
from record_store import DONE, RETENTION_MS, new_task
from servers import SeaweedFs

from orchestrator.adapters.redis.deliveries import RedisDeliveries
from orchestrator.adapters.sortable_ids import new_id
from orchestrator.domain.batch import NewBatch
from orchestrator.domain.delivery import Cursor, Delivery, DeliveryStatus
from orchestrator.domain.errors import Category, TaskNotFound, Unavailable
from orchestrator.domain.journal import Change, Entry, KeptAnswer
from orchestrator.domain.overload import ReadOnly
from orchestrator.domain.task import NewTask, Priority, Status, TaskEvent
from orchestrator.ports.claims import Beat, Verdict
from orchestrator.ports.deliveries import Taken
from orchestrator.ports.intake import Receipt
from orchestrator.services.deliveries.tell_journal import TellJournal
from orchestrator.services.upkeep.sweep import Sweep
from orchestrator.telemetry import build_queue_metrics

AWAY = Unavailable("the object store cannot be reached", service="storage", category=Category.STORAGE)


@pytest.fixture(params=["s3", "r2"])
def room(request: pytest.FixtureRequest, redis_url: str) -> Iterator[JournalRoom]:
    """On a plain store, and on one as strict as R2."""
    server: SeaweedFs = request.getfixturevalue(f"{request.param}_server")
    with journal_room(redis_url, server.address) as opened:
        yield opened


def task(key: str | None = None, **fields: object) -> NewTask:
    return replace(new_task(new_id("task"), key=key), answer="{}" if key else "", **fields)  # type: ignore[arg-type]  # any field


def batch(*tasks: NewTask, key: str | None = None) -> NewBatch:
    return NewBatch("film-a", tasks, "same", key, answer='{"items":[]}')


class TestSubmit:
    def test_what_was_accepted_is_in_the_journal(self, room: JournalRoom) -> None:
        asked = task("k", labels={"shot": "12b"}, params={"text": "hällo"}, start_by_s=60.0)
        receipt = room.intake.submit(asked)
        (recorded,) = room.recorded().values()
        assert recorded.entry.task == replace(asked, is_journaled=True)
        assert recorded.entry.created_at_ms == receipt.created_at_ms
        assert recorded.entry.answer
        assert recorded.entry.answer.key == "k"

    def test_what_cannot_be_journaled_was_never_accepted(self, room: JournalRoom) -> None:
        room.objects.failure = AWAY
        asked = task("k")
        with pytest.raises(Unavailable):
            room.intake.submit(asked)
        with pytest.raises(TaskNotFound):
            room.store.task(asked.id)
        assert room.store.claim().runs == ()
        counted = room.metrics.registry.get_sample_value("orchestrator_journal_failures_total", {"what": "submit"})
        assert counted == 1
        room.objects.failure = None
        again = task("k")
        assert room.intake.submit(again).task_id == again.id
        assert [*room.recorded()] == [again.id]

    def test_one_that_runs_already_is_stopped(self, room: JournalRoom) -> None:
        asked = replace(task(), is_journaled=True)
        receipt = room.store.intake.submit(asked)
        run = room.store.claim_one()
        room.withdrawals.withdraw([Entry(asked, receipt.created_at_ms)])
        assert room.store.claims.beat([Beat(run)]) == [Verdict.STOP]

    def test_an_entry_whose_answer_was_lost_is_found_by_the_second_try(self, room: JournalRoom) -> None:
        asked = task()
        room.objects.failure, room.objects.is_late = AWAY, True
        with pytest.raises(Unavailable):
            room.intake.submit(asked)
        sweep(room)
        assert room.recorded() == {}

    def test_a_repeat_journals_what_a_dead_api_has_not(self, room: JournalRoom) -> None:
        asked = replace(task("k"), is_journaled=True)
        room.store.intake.submit(asked)  # and then it died
        assert room.recorded() == {}
        for _ in range(2):
            assert room.intake.replay("film-a", "k", request_sha256="same") is not None
        assert room.recorded()[asked.id].entry.task == asked

    def test_a_repeat_that_found_it_keeps_it(self, room: JournalRoom) -> None:
        asked = replace(task("k"), is_journaled=True)
        receipt = room.store.intake.submit(asked)
        room.intake.replay("film-a", "k", request_sha256="same")
        assert not room.withdrawals.withdraw([_entry(asked, receipt)])
        assert room.store.task(asked.id).status is Status.QUEUED

    def test_a_repeat_of_what_is_withdrawn_is_no_success(self, room: JournalRoom) -> None:
        asked = replace(task("k"), is_journaled=True)
        receipt = room.store.intake.submit(asked)
        room.withdrawals.withdraw([_entry(asked, receipt)])
        with pytest.raises(Unavailable):
            room.withdrawals.confirm(asked.id)
        assert room.intake.replay("film-a", "k", request_sha256="same") is None

    def test_a_store_that_has_lost_its_records_takes_nothing(self, room: JournalRoom) -> None:
        room.intake.submit(task())
        room.lose_everything()
        with pytest.raises(ReadOnly):
            room.intake.submit(task())
        with pytest.raises(ReadOnly):
            room.intake.submit_batch(batch(task()))


class TestBatch:
    def test_all_of_it_is_one_entry(self, room: JournalRoom) -> None:
        tasks = [task() for _ in range(3)]
        room.intake.submit_batch(batch(*tasks, key="k"))
        assert room.recorded().keys() == {each.id for each in tasks}
        (key,) = room.objects.keys(room.prefix)
        assert key.endswith(f"/{tasks[0].id}.batch.json")

    def test_none_of_it_was_accepted_when_it_cannot_be_journaled(self, room: JournalRoom) -> None:
        room.objects.failure = AWAY
        tasks = [task() for _ in range(3)]
        with pytest.raises(Unavailable):
            room.intake.submit_batch(batch(*tasks, key="k"))
        room.objects.failure = None
        assert room.store.claim(count=3).runs == ()
        assert room.intake.replay("film-a", "k", request_sha256="same") is None

    def test_a_repeat_journals_what_a_dead_api_has_not(self, room: JournalRoom) -> None:
        tasks = [replace(task(), is_journaled=True) for _ in range(3)]
        room.store.intake.submit_batch(batch(*tasks, key="k"))
        room.intake.replay("film-a", "k", request_sha256="same")
        assert room.recorded().keys() == {each.id for each in tasks}


class TestWhatComesLater:
    def test_a_change_is_noted(self, room: JournalRoom) -> None:
        asked = task()
        room.intake.submit(asked)
        room.intake.change("film-a", asked.id, priority=Priority.HIGH)
        room.intake.change("film-a", asked.id, labels={"shot": "12b"})
        room.intake.change("film-a", asked.id, labels={"shot": "13"})
        change = room.recorded()[asked.id].change
        assert change
        assert (change.priority, change.labels) == (Priority.HIGH, {"shot": "13"})

    def test_one_of_an_earlier_version_is_the_first_of_them(self, room: JournalRoom) -> None:
        asked = task()
        room.intake.submit(asked)
        (entry,) = room.objects.keys(room.prefix)
        room.objects.create(b'{"priority":"low","labels":{}}', entry.replace(".json", ".changed.json"))
        change = room.recorded()[asked.id].change
        assert change == Change(Priority.LOW, {})
        room.intake.change("film-a", asked.id, priority=Priority.HIGH)
        change = room.recorded()[asked.id].change
        assert change
        assert change.priority is Priority.HIGH

    def test_a_retry_is_noted_or_canceled(self, room: JournalRoom) -> None:
        asked = task()
        room.intake.submit(asked)
        room.intake.cancel("film-a", asked.id)
        room.objects.failure = AWAY
        with pytest.raises(Unavailable):
            room.intake.resubmit("film-a", asked.id, generation=1)
        assert room.store.task(asked.id).status is Status.CANCELED
        room.objects.failure = None
        room.intake.resubmit("film-a", asked.id, generation=2)
        assert room.recorded()[asked.id].generation == 3

    def test_a_deletion_is_noted(self, room: JournalRoom) -> None:
        asked = task()
        room.intake.submit(asked)
        room.intake.delete("film-a", asked.id)
        assert room.recorded()[asked.id].is_deleted

    def test_the_end_is_noted_by_its_delivery(self, room: JournalRoom) -> None:
        asked = task()
        room.intake.submit(asked)
        room.store.claims.finish(room.store.claim_one(), DONE)
        ended = room.store.task(asked.id)
        delivery = Delivery(asked.id, "film-a", "journal", "journal", DeliveryStatus.PENDING, Cursor())
        event = TaskEvent(1, 3, "succeeded", ended.ended_at_ms or 0, {})
        assert TellJournal(room.journal).send(delivery, ended, event=event) == "noted"
        said = room.recorded()[asked.id].ended
        assert said
        assert (said.status, said.result) == (Status.SUCCEEDED, DONE.result)

    def test_what_is_swept_is_gone_and_forgotten(self, room: JournalRoom) -> None:
        single, *others = [task() for _ in range(3)]
        room.intake.submit(single)
        room.intake.submit_batch(batch(*others))
        for each in (single, others[0]):
            room.intake.cancel("film-a", each.id)
        tell_ends(room)
        room.store.pass_time(RETENTION_MS)
        sweep(room)
        assert [*room.recorded()] == [others[1].id]
        assert room.journal.forget_gone() == 3  # the entry of the single one, its end, and that it is gone
        room.intake.cancel("film-a", others[1].id)
        tell_ends(room)
        room.store.pass_time(RETENTION_MS)
        sweep(room)
        room.journal.forget_gone()
        assert list(room.objects.keys(room.prefix)) == []


def _entry(asked: NewTask, receipt: Receipt) -> Entry:
    return Entry(asked, receipt.created_at_ms, KeptAnswer("k", "same", "{}"))


def tell_ends(room: JournalRoom) -> None:
    """As a worker of lane `io` does; retention waits for it."""
    outbox, teller = RedisDeliveries(room.store.scripts), TellJournal(room.journal)
    for sending in outbox.claim([new_id("claim") for _ in range(5)]):
        assert teller.send(sending.delivery, sending.task, event=sending.events[-1]) == "noted"
        assert outbox.conclude([Taken(sending, "noted")]) == ()


def sweep(room: JournalRoom) -> None:
    Sweep(room.store.upkeep, room.storage, build_queue_metrics(), room.journal).tick()
