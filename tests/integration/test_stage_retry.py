"""Where the next run begins: on the node that has the files, and with the stage that a client names (ADR 0042)."""

from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import pytest
from adoption_room import AWAY, PATIENCE_S, Scene, open_scene
from record_store import FAILURE

from orchestrator.domain.errors import IllegalMove
from orchestrator.domain.from_stage import FromStage
from orchestrator.domain.retry import GiveUp
from orchestrator.domain.task import Status


@pytest.fixture
def scene(redis_url: str, tmp_path: Path) -> Iterator[Scene]:
    with open_scene(redis_url, tmp_path) as scene:
        yield scene


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
