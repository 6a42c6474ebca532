"""Every way a run can go ends in exactly one commit, or in none when the task is no longer its own."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
from fakes_engine import FakeEngine
from record_store import LEASE_MS, open_store
from run_room import STILL, RunRoom, submit_upscale

from orchestrator.domain.errors import Category, Overloaded, Unavailable
from orchestrator.domain.retry import POLICIES
from orchestrator.domain.task import Status
from orchestrator.pipelines.patient_engine import WAITS_S
from orchestrator.pipelines.run_watch import Ending
from orchestrator.ports.claims import Beat, Verdict
from orchestrator.ports.inference import Tensors

LEASE_S = LEASE_MS // 1000


@pytest.fixture
def room(redis_url: str, tmp_path: Path) -> Iterator[RunRoom]:
    with open_store(redis_url) as store:
        store.tick(LEASE_S)
        yield RunRoom(store, tmp_path / "scratch")
    assert not list((tmp_path / "scratch").glob("*")), "a run leaves nothing in its scratch folder"


class TestSuccess:
    def test_result_and_usage_are_committed(self, room: RunRoom) -> None:
        room.submit(params={"size_bytes": 7})
        room.execute()
        task = room.task
        assert (task.status, task.result, task.outputs) == (Status.SUCCEEDED, {"size_bytes": 7}, ())
        assert task.usage == {"inferences": 1, "run_s": 0.0, "release": "realesrgan_x4", "model_version": "1"}
        assert room.counted("succeeded") == 1

    def test_artifacts_lie_under_the_runs_prefix_beside_a_receipt(self, room: RunRoom, tmp_path: Path) -> None:
        submit_upscale(room, tmp_path)
        run = room.execute()
        outputs = {artifact.name: artifact for artifact in room.task.outputs}
        assert list(outputs) == ["upscaled.png", "receipt.json"]
        for artifact in outputs.values():
            body, content_type = room.storage.objects[artifact.key]
            assert artifact.key == run.prefix + artifact.name
            assert (len(body), content_type) == (artifact.size_bytes, artifact.content_type)
            assert hashlib.sha256(body).hexdigest() == artifact.sha256
        receipt = json.loads(room.storage.objects[outputs["receipt.json"].key][0])
        assert (receipt["task"], receipt["epoch"], receipt["run_id"]) == ("t", 1, run.run_id)
        assert [made["sha256"] for made in receipt["artifacts"]] == [outputs["upscaled.png"].sha256]


class TestErrors:
    @pytest.mark.parametrize("category", Category)
    def test_the_category_decides_about_another_try(self, room: RunRoom, category: Category) -> None:
        room.submit(params={"fail": category})
        room.execute()
        task, policy = room.task, POLICIES[category]
        if policy.burns_attempt and policy.tries == 1:
            assert (task.status, task.error and task.error.code) == (Status.FAILED, "echo_failed")
        else:
            assert task.status is Status.QUEUED
            assert task.delayed_until_ms == room.store.now_ms + int(policy.backoff_s(1, 0.5) * 1000)
        assert task.tries == ({category: 1} if policy.burns_attempt else {})
        assert len(room.attempts) == policy.burns_attempt

    def test_a_full_queue_is_waited_for_inside_the_run_and_then_ever_longer_outside(self, room: RunRoom) -> None:
        def refuse(_inputs: Tensors) -> Tensors:
            raise Overloaded("the model's queue is full")

        full = RunRoom(room.store, room.scratch, engine=FakeEngine({"echo": refuse}))
        full.submit()
        for waits_s in (1, 2, 4, 8, 15, 15):
            began_s = full.clock.now_s
            full.execute()
            assert full.clock.now_s - began_s == pytest.approx(WAITS_S)
            assert full.task.delayed_until_ms == full.store.now_ms + waits_s * 1000
            full.store.tick(waits_s)
        assert (full.task.status, full.task.tries, full.attempts) == (Status.QUEUED, {}, ())

    def test_a_client_that_tries_again_begins_with_short_waits(self, room: RunRoom) -> None:
        room.submit(params={"fail": Category.SATURATED})
        room.execute()
        room.store.intake.cancel("film-a", "t")
        room.store.intake.resubmit("film-a", "t", generation=1)
        assert (room.task.generation, room.task.waits) == (2, {})

    def test_a_spent_budget_fails_the_task(self, room: RunRoom) -> None:
        room.submit(params={"fail": Category.NETWORK})
        for _ in range(POLICIES[Category.NETWORK].tries):
            room.store.tick(60)
            room.execute()
        assert room.task.status is Status.FAILED
        assert len(room.attempts) == POLICIES[Category.NETWORK].tries

    def test_a_model_that_is_away_is_doubted(self, room: RunRoom) -> None:
        room.submit(params={"fail": Category.MODEL_UNAVAILABLE})
        room.execute()
        assert room.doubted == ["echo"]

    def test_a_bug_fails_the_task_without_telling_how(self, room: RunRoom) -> None:
        def divide(inputs: Tensors) -> Tensors:
            raise ZeroDivisionError(f"secret of {len(inputs)}")

        buggy = RunRoom(room.store, room.scratch, engine=FakeEngine({"echo": divide}))
        buggy.submit()
        buggy.execute()
        error = room.task.error
        assert error is not None
        assert (error.code, error.category) == ("internal", Category.INTERNAL)
        assert "secret" not in error.message

    def test_a_type_that_this_worker_does_not_know_fails(self, room: RunRoom) -> None:
        room.submit(type="image.invent")
        room.execute()
        assert room.task.error
        assert room.task.error.code == "unknown_task_type"

    def test_a_store_of_objects_that_is_away_is_tried_again(self, room: RunRoom, tmp_path: Path) -> None:
        submit_upscale(room, tmp_path)
        room.storage.failure = Unavailable("away", service="storage", category=Category.STORAGE)
        room.execute()
        assert (room.task.status, room.task.tries) == (Status.QUEUED, {Category.STORAGE: 1})

    @pytest.mark.parametrize(("body", "code"), [(b"another picture", "input_changed"), (None, "input_not_found")])
    def test_an_input_must_be_the_one_that_was_submitted(
        self, room: RunRoom, tmp_path: Path, body: bytes | None, code: str
    ) -> None:
        submit_upscale(room, tmp_path)
        room.storage.delete(STILL)
        if body:
            room.storage.objects[STILL] = (body, "image/png")
        room.execute()
        assert (room.task.status, room.task.error and room.task.error.code) == (Status.FAILED, code)


class TestEndings:
    def test_a_cancel_while_inferring_ends_the_request_and_the_task(self, room: RunRoom) -> None:
        room.submit()
        with room.stalled_run():
            room.store.intake.cancel("film-a", "t")
            room.beats.beat()
        assert room.task.status is Status.CANCELED
        assert room.engine.in_flight == 0
        assert room.counted("canceled") == 1

    def test_a_cancel_before_the_first_beat_asks_no_model(self, room: RunRoom) -> None:
        room.submit()
        run = room.store.claim_one()
        room.store.intake.cancel("film-a", "t")
        room.run(run)
        assert room.task.status is Status.CANCELED
        assert room.engine.most_in_flight == 0

    def test_a_shutdown_gives_the_task_back_unharmed(self, room: RunRoom) -> None:
        room.submit()
        with room.stalled_run():
            room.beats.end_all(Ending.RELEASE)
        task = room.task
        assert (task.status, task.delayed_until_ms, task.tries) == (Status.QUEUED, None, {})
        assert room.attempts == ()

    def test_a_run_that_is_not_heard_does_nothing_and_gives_its_task_back(self, room: RunRoom) -> None:
        room.submit()
        run = room.store.claim_one()
        room.executor.execute(room.beats.watch(run))
        assert room.engine.most_in_flight == 0
        assert (room.task.status, room.task.tries, room.attempts) == (Status.QUEUED, {}, ())
        late = room.store.claims.beat([Beat(run, None)])  # it was under way while the store was frozen
        assert late == [Verdict.LOST]

    def test_run_for_s_ends_the_run_twice_and_then_the_task(self, room: RunRoom) -> None:
        room.submit(run_for_s=5.0)
        for _ in range(POLICIES[Category.TIMEOUT].tries):
            room.store.tick(10)
            with room.stalled_run():
                room.clock.now_s += 4.9
                room.beats.beat()
                assert room.engine.in_flight == 1
                room.clock.now_s += 0.1
                room.beats.beat()
        error = room.task.error
        assert error is not None
        assert (error.code, error.category) == ("run_for_exceeded", Category.TIMEOUT)
        assert room.task.status is Status.FAILED


class TestLostRuns:
    def test_a_run_that_is_told_so_ends_and_writes_nothing(self, room: RunRoom) -> None:
        room.submit()
        with room.stalled_run():
            room.store.tick(LEASE_S)
            other = room.store.claim_one()
            before = room.store.dump()
            room.beats.beat()
        assert room.store.dump() == before
        assert room.task.run_id == other.run_id
        assert room.counted("stale") == 1

    def test_a_run_that_was_not_told_cannot_commit(self, room: RunRoom) -> None:
        room.submit()
        with room.stalled_run():
            room.store.tick(LEASE_S)
            room.store.claim_one()
            before = room.store.dump()
            room.engine.resume("echo")
        assert room.store.dump() == before
        assert room.metrics.registry.get_sample_value("orchestrator_stale_writes_total") == 1


class TestStoreOfRecordsAway:
    def test_the_commit_is_repeated_until_the_store_has_it(self, tmp_path: Path) -> None:
        """The store is killed while the model works, and comes back on the same data."""
        with servers.valkey(tmp_path) as server, open_store(server.url) as store:

            def echo_and_kill(inputs: Tensors) -> Tensors:
                server.kill()
                return {"output": inputs["input"]}

            def start() -> None:
                server.start()

            room = RunRoom(store, tmp_path / "scratch", engine=FakeEngine({"echo": echo_and_kill}))
            room.clock.in_pause = start
            room.submit()
            room.execute()
            assert room.task.status is Status.SUCCEEDED
            assert [attempt.epoch for attempt in room.attempts] == [1]

    def test_a_beat_that_is_not_heard_ends_no_run(self, tmp_path: Path) -> None:
        with servers.valkey(tmp_path) as server, open_store(server.url) as store:
            room = RunRoom(store, tmp_path / "scratch")
            room.submit()
            with room.stalled_run():
                server.kill()
                room.beats.beat()
                assert room.engine.in_flight == 1
                server.start()
                room.beats.beat()
                room.engine.resume("echo")
            assert room.task.status is Status.SUCCEEDED
