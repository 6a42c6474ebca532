"""What a run had made is adopted by the next, and not made again, whatever became of the first (ADR 0042)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from adoption_room import AWAY, LEASE_S, OPEN, PATIENCE_S, Scene, open_scene
from run_room import SERVING

from orchestrator.domain.errors import Category
from orchestrator.domain.task import Status
from orchestrator.pipelines.run_watch import Ending
from orchestrator.ports.claims import Beat, Commit
from orchestrator.ports.inference import Serving


@pytest.fixture
def scene(redis_url: str, tmp_path: Path) -> Iterator[Scene]:
    with open_scene(redis_url, tmp_path) as scene:
        yield scene


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


def test_an_adopted_run_teaches_nothing_of_costs(scene: Scene) -> None:
    run = scene.room.store.claim_one()
    scene.room.store.claims.finish(run, Commit((), {}, {}, actual_s=0.1, is_adopted=True))
    assert not scene.room.store.client.hgetall("orch:pace:io")
