"""What a run had made is adopted by the next, and not made again, whatever became of the first (ADR 0042)."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from fakes_engine import FakeEngine
from fakes_storage import MemoryStorage
from record_store import FAILURE, LEASE_MS, open_store
from run_room import SERVING, RunRoom, enlarge, submit_upscale

from orchestrator.domain.errors import Category, IllegalMove, OrchestratorError, Unavailable
from orchestrator.domain.retry import GiveUp
from orchestrator.domain.task import FromStage, Run, Status
from orchestrator.pipelines.run_watch import Ending
from orchestrator.ports.claims import Beat, Commit
from orchestrator.ports.inference import Serving, Tensors
from orchestrator.ports.storage import ObjectInfo

LEASE_S = LEASE_MS // 1000
AWAY = Unavailable("away", service="storage", category=Category.STORAGE)
OPEN = Unavailable("the breaker is open", service="storage", category=Category.DEPENDENCY_OPEN)
PATIENCE_S = 30


@dataclass
class MoodyStorage(MemoryStorage):
    """Inputs can be fetched at any time; ``moods`` are how it takes the next puts: an error, or None for gladly."""

    moods: list[OrchestratorError | None] = field(default_factory=list)
    puts: list[str] = field(default_factory=list)

    def put(self, content: bytes, key: str, *, content_type: str) -> ObjectInfo:
        mood = self.moods.pop(0) if self.moods else None
        if mood is not None:
            raise mood
        self.puts.append(key)
        return super().put(content, key, content_type=content_type)


@dataclass
class CountedModel:
    """How often the model was asked."""

    asked: int = 0

    def __call__(self, inputs: Tensors) -> Tensors:
        self.asked += 1
        return enlarge(inputs)


@dataclass
class Scene:
    """A picture to upscale, and one node with a storage that has moods."""

    room: RunRoom
    storage: MoodyStorage
    model: CountedModel

    def run(self, **changes: Any) -> Run:  # noqa: ANN401 - any field of a RunRoom
        """The next run, on a node where ``changes`` are otherwise; the waits of all retries have passed."""
        self.room.store.pass_time(200_000)
        self.room.store.tick()
        return (replace(self.room, **changes) if changes else self.room).execute()

    def record(self, field: str, value: str) -> None:
        self.room.store.client.eval("redis.call('HSET', 'orch:task:t', ARGV[1], ARGV[2])", 0, field, value)

    @property
    def names(self) -> list[str]:
        return [artifact.name for artifact in self.room.task.outputs]


@pytest.fixture
def scene(redis_url: str, tmp_path: Path) -> Iterator[Scene]:
    storage, model = MoodyStorage(), CountedModel()
    with open_store(redis_url) as store:
        store.tick(LEASE_S)
        engine = FakeEngine({"realesrgan_x4": model})
        room = RunRoom(store, tmp_path / "scratch", storage=storage, engine=engine)
        submit_upscale(room, tmp_path)
        storage.puts.clear()
        yield Scene(room, storage, model)
        assert not list((tmp_path / "scratch").glob("*"))


class TestStorageAway:
    def test_it_is_asked_again_within_the_run(self, scene: Scene) -> None:
        scene.storage.moods = [AWAY] * 20
        scene.run()
        assert (scene.room.task.status, scene.room.task.epoch, scene.model.asked) == (Status.SUCCEEDED, 1, 1)

    def test_when_that_takes_too_long_the_next_run_stores_and_asks_no_model(self, scene: Scene) -> None:
        scene.storage.moods = [AWAY] * (PATIENCE_S + 1)
        scene.run()
        assert (scene.room.task.status, scene.room.task.tries) == (Status.QUEUED, {Category.STORAGE: 1})
        scene.run()
        assert (scene.room.task.status, scene.room.task.epoch) == (Status.SUCCEEDED, 2)
        assert scene.names == ["upscaled.png", "receipt.json"]
        assert scene.model.asked == 1

    def test_an_open_breaker_is_believed_at_once_and_burns_no_attempt(self, scene: Scene) -> None:
        scene.storage.moods = [OPEN] * 12
        for _ in range(12):
            scene.run()
        assert (scene.room.task.status, scene.room.task.tries) == (Status.QUEUED, {})
        assert not scene.storage.moods, "each run has asked once"
        scene.run()
        assert (scene.room.task.status, scene.model.asked) == (Status.SUCCEEDED, 1)

    def test_what_was_stored_is_not_sent_again(self, scene: Scene) -> None:
        scene.storage.moods = [None, OPEN]
        first = scene.run()
        second = scene.run()
        assert scene.storage.puts == [first.prefix + "upscaled.png", second.prefix + "receipt.json"]
        assert [artifact.key for artifact in scene.room.task.outputs] == scene.storage.puts

    def test_the_run_tells_its_client_and_what_it_has_used(self, scene: Scene) -> None:
        scene.storage.moods = [OPEN]
        scene.run()
        scene.run()
        told = [event.data["event"] for event in scene.room.store.reads.events("t") if event.type == "log"]
        assert "run.adopted" in told
        assert scene.room.task.usage["tiles"] == 1

    def test_the_spool_is_empty_afterwards(self, scene: Scene) -> None:
        scene.storage.moods = [OPEN]
        scene.run()
        assert list(scene.room.spool.root.glob("*/upscaled.png"))
        scene.run()
        assert not list(scene.room.spool.root.glob("*"))


class TestOtherEnds:
    def test_a_run_that_was_killed_while_storing_leaves_its_work(self, scene: Scene) -> None:
        killed = scene.room.store.claim_one()
        scene.room.store.claims.beat([Beat(killed)])
        watch = scene.room.beats.watch(killed)
        with scene.room.executor.limits.scratch(killed) as scratch:
            scene.room.executor._make(watch, scratch)
        scene.room.store.tick(LEASE_S + 1)
        scene.run()
        assert (scene.room.task.status, scene.room.task.epoch, scene.model.asked) == (Status.SUCCEEDED, 2, 1)

    def test_a_shutdown_while_storing_gives_the_work_on(self, scene: Scene) -> None:
        scene.storage.moods = [AWAY]
        scene.room.clock.in_pause = lambda: scene.room.beats.end_all(Ending.RELEASE)
        scene.run()
        assert (scene.room.task.status, scene.room.task.tries) == (Status.QUEUED, {})
        scene.room.clock.in_pause = lambda: None
        scene.run()
        assert (scene.room.task.status, scene.model.asked) == (Status.SUCCEEDED, 1)

    def test_a_cancel_while_storing_throws_the_work_away(self, scene: Scene) -> None:
        def cancel() -> None:
            scene.room.store.intake.cancel("film-a", "t")
            scene.room.beats.beat()

        scene.storage.moods = [AWAY]
        scene.room.clock.in_pause = cancel
        scene.run()
        assert scene.room.task.status is Status.CANCELED
        assert not list(scene.room.spool.root.glob("*"))

    def test_a_run_that_had_stored_all_is_adopted_on_any_node(self, scene: Scene, tmp_path: Path) -> None:
        """Cut off between its last file and its finish."""
        scene.run()
        done = scene.room.task
        scene.record("status", "failed")
        scene.room.store.intake.resubmit("film-a", "t", generation=1)
        scene.storage.puts.clear()
        scene.run(scratch=tmp_path / "other" / "scratch")
        assert (scene.room.task.status, scene.room.task.outputs) == (Status.SUCCEEDED, done.outputs)
        assert (scene.model.asked, scene.storage.puts) == (1, [])


class TestMadeAnew:
    """Nothing is adopted that the run would not have made itself, or of which a byte is missing."""

    @pytest.fixture
    def kept(self, scene: Scene) -> Scene:
        scene.storage.moods = [OPEN]
        scene.run()
        return scene

    def test_by_another_version_of_the_model(self, kept: Scene) -> None:
        kept.run(serving=Serving("2", SERVING.config_sha256))
        assert (kept.room.task.status, kept.model.asked) == (Status.SUCCEEDED, 2)

    def test_by_another_configuration_of_it(self, kept: Scene) -> None:
        kept.run(serving=Serving("1", "of another config"))
        assert kept.model.asked == 2

    def test_but_not_because_nobody_can_say_what_serves(self, kept: Scene) -> None:
        kept.run(serving=None)
        assert kept.model.asked == 1

    @pytest.mark.parametrize(("field", "value"), [("params", '{"scale":2}'), ("input", None)])
    def test_of_other_parameters_or_another_input(self, kept: Scene, field: str, value: str | None) -> None:
        recorded = kept.room.store.client.hgetall("orch:task:t")[field]
        kept.record(field, value or recorded.replace("{", '{"sha256":"' + 64 * "0" + '",', 1))
        kept.run()
        assert (kept.room.task.epoch, kept.model.asked) == (2, 2 if field == "params" else 1)
        assert kept.room.task.status is (Status.SUCCEEDED if field == "params" else Status.FAILED)  # it is fetched anew

    def test_when_a_file_is_not_as_it_was_made(self, kept: Scene) -> None:
        (file,) = kept.room.spool.root.glob("*/upscaled.png")
        file.write_bytes(file.read_bytes()[:-1] + b"?")
        kept.run()
        assert (kept.room.task.status, kept.model.asked) == (Status.SUCCEEDED, 2)

    def test_on_another_node(self, kept: Scene, tmp_path: Path) -> None:
        kept.run(scratch=tmp_path / "other" / "scratch")
        assert (kept.room.task.status, kept.model.asked) == (Status.SUCCEEDED, 2)

    def test_when_there_was_no_room_for_it(self, scene: Scene) -> None:
        scene.storage.moods = [OPEN]
        scene.run(spool_bytes=10)
        scene.run()
        assert (scene.room.task.status, scene.model.asked) == (Status.SUCCEEDED, 2)


class TestAffinity:
    def claim_on(self, scene: Scene, node: str) -> bool:
        """Whether a worker of the node is given the task."""
        return bool(scene.room.store.claim(owner=f"{node}:1:1").runs)

    @pytest.fixture
    def spooled(self, scene: Scene) -> Scene:
        """Left on node a, which lives, by a run whose work has taken twenty seconds."""
        store = scene.room.store
        (run,) = store.claim(owner="a:1:1").runs
        store.claims.advance(run, "infer", checkpoint={}, kept_for_s=20)
        store.claims.release(run)
        store.client.set("orch:alive:node:a", "1")
        return scene

    def test_another_node_leaves_it_to_the_one_that_has_the_files(self, spooled: Scene) -> None:
        for _ in range(19):
            assert not self.claim_on(spooled, "b")
            spooled.room.store.tick(1)
        assert self.claim_on(spooled, "a")

    def test_but_for_no_longer_than_to_make_them_anew_would_take(self, spooled: Scene) -> None:
        for _ in range(20):
            assert not self.claim_on(spooled, "b")
            spooled.room.store.tick(1)
        assert self.claim_on(spooled, "b")

    def test_nor_to_a_node_that_is_gone(self, spooled: Scene) -> None:
        spooled.room.store.client.delete("orch:alive:node:a")
        assert self.claim_on(spooled, "b")

    def test_what_is_stored_can_be_taken_up_anywhere(self, scene: Scene) -> None:
        store = scene.room.store
        (run,) = store.claim(owner="a:1:1").runs
        store.claims.advance(run, "infer", checkpoint={}, kept_for_s=20)
        store.claims.advance(run, "store", checkpoint={})
        store.claims.release(run)
        store.client.set("orch:alive:node:a", "1")
        assert self.claim_on(scene, "b")


class TestClientRetry:
    @pytest.fixture
    def failed(self, scene: Scene) -> Scene:
        """What it made was never stored, and the budget is spent."""
        scene.storage.moods = list(repeat(AWAY, 8 * (PATIENCE_S + 1)))
        for _ in range(8):
            scene.run()
        assert (scene.room.task.status, scene.model.asked) == (Status.FAILED, 1)
        return scene

    def retry(self, scene: Scene, from_stage: FromStage | None) -> None:
        scene.room.store.intake.resubmit("film-a", "t", generation=1, from_stage=from_stage)
        scene.run()
        assert (scene.room.task.status, scene.room.task.generation) == (Status.SUCCEEDED, 2)

    @pytest.mark.parametrize("from_stage", [None, FromStage.STORE])
    def test_it_goes_on_with_the_stage_that_failed(self, failed: Scene, from_stage: FromStage | None) -> None:
        self.retry(failed, from_stage)
        assert failed.model.asked == 1

    @pytest.mark.parametrize("from_stage", [FromStage.FETCH, FromStage.INFER])
    def test_or_with_an_earlier_one(self, failed: Scene, from_stage: FromStage) -> None:
        self.retry(failed, from_stage)
        assert failed.model.asked == 2

    def test_nothing_can_be_stored_that_was_never_made(self, scene: Scene) -> None:
        scene.room.store.claims.fail(scene.room.store.claim_one(), FAILURE, decision=GiveUp())
        with pytest.raises(IllegalMove, match="nothing that could be stored"):
            scene.room.store.intake.resubmit("film-a", "t", generation=1, from_stage=FromStage.STORE)
        assert scene.room.task.status is Status.FAILED


def test_an_adopted_run_teaches_nothing_of_costs(scene: Scene) -> None:
    run = scene.room.store.claim_one()
    scene.room.store.claims.finish(run, Commit((), {}, {}, actual_s=0.1, is_adopted=True))
    assert not scene.room.store.client.hgetall("orch:pace:io")
