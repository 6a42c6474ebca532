"""Stages that take too long, and threads that never come back from one: the task goes on without them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import servers
from fakes_engine import FakeEngine
from record_store import RecordStore, open_store
from run_room import PATIENCE_S, STAGES, RunRoom, enlarge, submit_upscale

from orchestrator.domain.errors import Category
from orchestrator.domain.retry import POLICIES
from orchestrator.domain.task import Run, Status
from orchestrator.ports.inference import Tensors


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        yield opened


class TestBudgets:
    @pytest.mark.parametrize(
        ("stage", "task_type", "budget_s"),
        [
            ("fetch", "image.upscale", 20),
            ("probe", "image.upscale", 10),
            ("infer", "image.upscale", 60),
            ("infer", "system.echo", 600),
            ("store", "image.upscale", 30),
        ],
    )
    def test_each_stage_has_its_own_and_infer_one_by_type(self, stage: str, task_type: str, budget_s: float) -> None:
        assert STAGES.of(stage, task_type) == budget_s

    def test_a_stage_that_takes_longer_ends_the_run_twice_and_then_the_task(
        self, store: RecordStore, tmp_path: Path
    ) -> None:
        room = RunRoom(store, tmp_path)
        room.submit()
        for _ in range(POLICIES[Category.TIMEOUT].tries):
            room.store.tick(10)
            with room.stalled_run():
                room.clock.now_s += STAGES.infer_s - 0.1
                room.beats.beat()
                assert room.engine.in_flight == 1
                room.clock.now_s += 0.1
                room.beats.beat()
        error = room.task.error
        assert error is not None
        assert (error.code, error.category) == ("stage_timeout", Category.TIMEOUT)
        assert error.message == "the stage infer took longer than 600 s"

    def test_what_the_stages_before_took_is_not_counted(self, store: RecordStore, tmp_path: Path) -> None:
        def slowly(inputs: Tensors) -> Tensors:
            room.clock.now_s += STAGES.of("infer", "image.upscale") - 1
            room.beats.beat()
            return enlarge(inputs)

        room = RunRoom(store, tmp_path / "scratch", engine=FakeEngine({"realesrgan_x4": slowly}))
        submit_upscale(room, tmp_path)
        room.clock.now_s += STAGES.infer_s
        room.execute()
        assert room.task.status is Status.SUCCEEDED


@dataclass
class Deaf:
    """A room whose model hears of no cancel, as a library in C would not, until it is let ``go``."""

    store: RecordStore
    scratch: Path
    go: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.room = RunRoom(self.store, self.scratch, engine=FakeEngine({"echo": self.wait}))

    def wait(self, inputs: Tensors) -> Tensors:
        assert self.go.wait(10)
        return {"output": inputs["input"]}

    @contextmanager
    def run_left_behind(self) -> Iterator[Run]:
        """The budget is over, and the patience after it; the next beat finds that. Afterwards the thread comes back."""
        self.room.submit()
        run = self.store.claim_one()
        thread = threading.Thread(target=self.room.run, args=(run,))
        thread.start()
        try:
            assert self.room.engine.wait_for_in_flight(1)
            self.room.clock.now_s += STAGES.infer_s
            self.room.beats.beat()
            assert (self.room.task.status, self.room.beats.stuck) == (Status.RUNNING, set())
            self.room.clock.now_s += PATIENCE_S
            yield run
        finally:
            self.go.set()
            thread.join(10)
        assert not thread.is_alive()


class TestStuckThreads:
    def test_the_run_fails_in_its_stead_and_what_it_says_later_is_stale(
        self, store: RecordStore, tmp_path: Path
    ) -> None:
        deaf = Deaf(store, tmp_path)
        with deaf.run_left_behind() as run:
            deaf.room.beats.beat()
            assert (deaf.room.task.status, deaf.room.task.tries) == (Status.QUEUED, {Category.TIMEOUT: 1})
            assert deaf.room.beats.stuck == {run.run_id}
            before = store.dump()
        assert store.dump() == before
        assert [attempt.epoch for attempt in deaf.room.attempts] == [1]

    def test_a_task_that_was_to_be_canceled_ends_as_canceled(self, store: RecordStore, tmp_path: Path) -> None:
        deaf = Deaf(store, tmp_path)
        with deaf.run_left_behind():
            store.intake.cancel("film-a", "t")
            deaf.room.beats.beat()
            assert deaf.room.task.status is Status.CANCELED

    def test_a_store_that_is_away_hears_of_it_later(self, tmp_path: Path) -> None:
        with servers.valkey(tmp_path) as server, open_store(server.url) as store:
            deaf = Deaf(store, tmp_path / "scratch")
            with deaf.run_left_behind():
                server.kill()
                deaf.room.beats.beat()
                assert not deaf.room.beats.stuck
                server.start()
                deaf.room.beats.beat()
                assert deaf.room.task.tries == {Category.TIMEOUT: 1}
