"""After a total loss of the store, everything that the journal knows is there again, and nothing runs twice."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import pytest
from fakes_storage import MemoryStorage
from front_door import SEAL
from journal_room import JournalRoom, journal_room, store_receipt
from record_store import DONE, FAILURE, new_task, walk
from servers import SeaweedFs

from orchestrator.adapters.redis.displaced import RedisDisplaced
from orchestrator.adapters.sortable_ids import new_id
from orchestrator.adapters.zstd import Zstd
from orchestrator.domain.batch import NewBatch
from orchestrator.domain.errors import StaleRun, TaskNotFound
from orchestrator.domain.retry import GiveUp
from orchestrator.domain.stored_result import RESULT_NAME, StoredResult
from orchestrator.domain.task import Artifact, Priority, Status
from orchestrator.ports.claims import Beat, Commit, Verdict
from orchestrator.ports.storage import FALLBACK
from orchestrator.services.upkeep.sweep import Sweep
from orchestrator.settings import ReceiptSettings
from orchestrator.telemetry import build_queue_metrics

HOUR_MS = 3_600_000


@pytest.fixture(params=["s3", "r2"])
def room(redis_url: str, request: pytest.FixtureRequest) -> Iterator[JournalRoom]:
    server: SeaweedFs = request.getfixturevalue(f"{request.param}_server")
    with journal_room(redis_url, server.address) as opened:
        yield opened


class TestUnfinished:
    def test_each_is_queued_again_as_it_was_accepted(self, room: JournalRoom) -> None:
        waits, runs = room.submit(labels={"shot": "12b"}, priority=Priority.HIGH), room.submit()
        room.store.claim_one()
        before = {each.id: room.store.task(each.id) for each in (waits, runs)}
        room.lose_everything()
        room.store.pass_time(HOUR_MS)
        assert room.rebuild().tasks == {"queued": 2}
        for each in (waits, runs):
            task, was = room.store.task(each.id), before[each.id]
            assert (task.status, task.created_at_ms) == (Status.QUEUED, was.created_at_ms)
            assert (task.params, task.labels, task.priority) == (was.params, was.labels, was.priority)
        assert [run.task.id for run in room.store.claim(count=2).runs] == [waits.id, runs.id]
        assert walk(room.store) == set()

    def test_a_run_that_went_on_through_the_loss_is_lost(self, room: JournalRoom) -> None:
        room.submit()
        old = room.store.claim_one()
        room.storage.put(b"made", old.prefix + "a.txt", content_type="text/plain")
        room.lose_everything()
        room.rebuild()
        assert room.store.claims.beat([Beat(old)]) == [Verdict.LOST]
        new = room.store.claim_one()
        assert (new.task.id, new.epoch) == (old.task.id, old.epoch + 1)
        with pytest.raises(StaleRun):
            room.store.claims.finish(old, DONE)

    def test_receivers_take_what_comes_after_for_later(self, room: JournalRoom) -> None:
        asked = room.submit()
        for _ in range(4):
            room.store.claims.release(room.store.claim_one())
        last = room.store.reads.events(asked.id)[-1]
        room.lose_everything()
        room.store.pass_time(1000)
        room.rebuild()
        (told,) = room.store.reads.events(asked.id, after=(last.generation, last.seq))[-1:]
        assert (told.type, told.data) == ("queued", {"reason": "rebuilt"})

    def test_a_retry_goes_on_as_its_generation(self, room: JournalRoom) -> None:
        asked = room.submit()
        room.store.claims.fail(room.store.claim_one(), FAILURE, decision=GiveUp())
        room.note_end(asked.id)
        room.intake.resubmit("film-a", asked.id, generation=1)
        room.lose_everything()
        assert room.rebuild().tasks == {"queued": 1}
        assert room.store.task(asked.id).generation == 2

    def test_what_a_client_has_changed_stays_changed(self, room: JournalRoom) -> None:
        asked = room.submit()
        room.intake.change("film-a", asked.id, priority=Priority.LOW, labels={"shot": "13"})
        room.lose_everything()
        room.rebuild()
        task = room.store.task(asked.id)
        assert (task.priority, task.labels) == (Priority.LOW, {"shot": "13"})

    def test_a_deadline_to_start_stays_what_it_was(self, room: JournalRoom) -> None:
        asked = room.submit(start_by_s=60.0)
        room.lose_everything()
        room.store.pass_time(61_000)
        room.rebuild()
        assert room.store.tick().expired == 1
        assert room.store.task(asked.id).status is Status.FAILED


class TestRepeats:
    def test_a_key_is_answered_as_before_the_loss(self, room: JournalRoom) -> None:
        waits, done = room.submit("one"), room.submit("two")
        room.intake.cancel("film-a", done.id)
        room.note_end(done.id)
        tasks = tuple(new_task(new_id("task")) for _ in range(2))
        room.intake.submit_batch(NewBatch("film-a", tasks, "batch", "three", '{"items":[]}'))
        keys = {"one": "same", "two": "same", "three": "batch"}
        before = {key: room.intake.replay("film-a", key, request_sha256=sha256) for key, sha256 in keys.items()}
        room.lose_everything()
        room.store.pass_time(HOUR_MS)
        room.rebuild()
        for key, sha256 in keys.items():
            was, now = before[key], room.intake.replay("film-a", key, request_sha256=sha256)
            assert was
            assert now
            assert (now.task_id, now.answer, now.created_at_ms) == (was.task_id, was.answer, was.created_at_ms)
        assert room.intake.submit(replace(waits, id=new_id("task"))).task_id == waits.id

    def test_an_answer_that_has_ended_stays_so(self, room: JournalRoom) -> None:
        room.submit("k")
        room.lose_everything()
        room.store.pass_time(25 * HOUR_MS)
        room.rebuild()
        assert room.store.client.hgetall("orch:idem:film-a:k") == {}


class TestEnded:
    def test_it_is_there_as_it_ended_and_does_not_run_again(self, room: JournalRoom) -> None:
        asked = room.submit()
        run = room.store.claim_one()
        output = Artifact("a.txt", run.prefix + "a.txt", "text/plain", 4, "0" * 64)
        room.store.claims.finish(run, Commit((output,), {"ok": True}, {"gpu_s": 2.0}, actual_s=1.0))
        room.note_end(asked.id)
        before = room.store.task(asked.id)
        room.lose_everything()
        room.store.pass_time(HOUR_MS // 2)
        assert room.rebuild(tell_again_s=60).tasks == {"succeeded": 1}
        after = room.store.task(asked.id)
        assert (after.status, after.outputs, after.result) == (before.status, before.outputs, before.result)
        assert (after.ended_at_ms, after.started_at_ms) == (before.ended_at_ms, before.started_at_ms)
        assert room.store.claim().runs == ()
        assert room.store.reads.story("film-a") == ()
        assert walk(room.store) == set()

    def test_what_ended_lately_is_told_again(self, room: JournalRoom) -> None:
        asked = room.submit()
        room.store.claims.finish(room.store.claim_one(), DONE)
        room.note_end(asked.id)
        room.lose_everything()
        room.rebuild(tell_again_s=60)
        assert [told.event.type for told in room.store.reads.story("film-a")] == ["succeeded"]

    def test_what_was_deleted_stays_hidden_and_is_swept(self, room: JournalRoom) -> None:
        asked = room.submit()
        run = room.store.claim_one()
        room.storage.put(b"made", run.prefix + "a.txt", content_type="text/plain")
        room.store.claims.finish(run, DONE)
        room.note_end(asked.id)
        room.intake.delete("film-a", asked.id)
        room.lose_everything()
        assert room.rebuild().tasks == {"deleted": 1}
        with pytest.raises(TaskNotFound):
            room.store.task(asked.id)
        Sweep(room.store.upkeep, room.storage, build_queue_metrics(), room.journal).tick()
        assert list(room.storage.list(run.prefix)) == []
        assert room.recorded() == {}


class TestReceipts:
    def test_a_complete_one_stands_for_success(self, room: JournalRoom) -> None:
        asked = room.submit()
        run = room.store.claim_one()
        store_receipt(room, run, files={"a.txt": b"made", "b.txt": b"made too"})
        room.lose_everything()
        rebuilt = room.rebuild()
        assert (rebuilt.tasks, rebuilt.from_receipts) == ({"succeeded": 1}, 1)
        task = room.store.task(asked.id)
        assert [output.name for output in task.outputs] == ["a.txt", "b.txt", "receipt.json"]
        assert (task.result, task.usage) == ({"scenes": 3}, {"gpu_s": 1.5})
        assert [told.event.type for told in room.store.reads.story("film-a")] == ["succeeded"]

    @pytest.mark.parametrize("moved", [False, True])
    def test_what_was_made_while_the_store_was_away_lies_in_the_second_one(
        self, room: JournalRoom, *, moved: bool
    ) -> None:
        """Or has come back since, which its receipt does not know."""
        asked, room.fallback = room.submit(), MemoryStorage()
        run = room.store.claim_one()
        store_receipt(room, run, files={"a.txt": b"made"}, into=room.fallback)
        if moved:
            room.storage.put(b"made", run.prefix + "a.txt", content_type="text/plain")
        room.lose_everything()
        assert room.rebuild().tasks == {"succeeded": 1}
        outputs = room.store.task(asked.id).outputs
        assert [output.store for output in outputs] == ["" if moved else FALLBACK, FALLBACK]
        assert RedisDisplaced(room.store.scripts).due(limit=1)[0].task_id == asked.id, "and is moved back"

    @pytest.mark.parametrize(
        ("signed_for", "outcome"), [("its own", "succeeded"), ("another", "queued"), (None, "queued")]
    )
    def test_where_there_are_keys_it_must_be_signed(
        self, room: JournalRoom, signed_for: str | None, outcome: str
    ) -> None:
        receipts = ReceiptSettings(public_keys=(SEAL.public_key.value,))
        room.settings = room.settings.model_copy(update={"receipts": receipts})
        asked = room.submit()
        named = {"its own": asked.id, "another": "task_0"}
        run = room.store.claim_one()
        store_receipt(room, run, files={"a.txt": b"made"}, signed_for=signed_for and named[signed_for])
        room.lose_everything()
        assert room.rebuild().tasks == {outcome: 1}

    @pytest.mark.parametrize("is_there", [True, False])
    def test_a_large_result_is_one_of_its_files(self, room: JournalRoom, *, is_there: bool) -> None:
        asked, room.fallback = room.submit(), MemoryStorage()
        run, content = room.store.claim_one(), b'{"scenes":3}'
        large = StoredResult(hashlib.sha256(content).hexdigest(), 12, 21, run.prefix + RESULT_NAME)
        store_receipt(room, run, files={"a.txt": b"made"}, result=large.render())
        content = content if is_there else b'{"scenes":4}'
        room.fallback.put(Zstd().compress(content), large.key, content_type="application/zstd")
        room.lose_everything()
        assert room.rebuild().tasks == ({"succeeded": 1} if is_there else {"queued": 1})
        assert room.store.task(asked.id).result == (replace(large, store=FALLBACK).render() if is_there else None)
        assert bool(RedisDisplaced(room.store.scripts).due(limit=1)) is is_there

    @pytest.mark.parametrize("flaw", ["missing", "other bytes", "other generation", "no JSON"])
    def test_any_other_does_not(self, room: JournalRoom, flaw: str) -> None:
        asked = room.submit()
        run = room.store.claim_one()
        instead = {"other bytes": {"a.txt": b"MADE"}, "no JSON": {"receipt.json": b"{"}}.get(flaw)
        generation = 2 if flaw == "other generation" else 1
        store_receipt(room, run, files={"a.txt": b"made"}, instead=instead, generation=generation)
        if flaw == "missing":
            room.storage.delete(run.prefix + "a.txt")
        room.lose_everything()
        assert room.rebuild().tasks == {"queued": 1}
        assert room.store.claim_one().epoch == run.epoch + 1
        assert room.store.task(asked.id).status is Status.RUNNING
