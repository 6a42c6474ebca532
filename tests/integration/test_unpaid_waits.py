"""What a run has waited for room is taken off what its project pays and what is learned of its kind (ADR 0060)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes_engine import FakeEngine
from record_store import FAILURE, RecordStore, new_task, open_store
from run_room import RunRoom

from orchestrator.domain.errors import Overloaded
from orchestrator.domain.retry import Again
from orchestrator.domain.task import Status
from orchestrator.ports.inference import Tensors

PAID_S = 5


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        opened.client.eval("redis.call('HSET', unpack(ARGV))", 0, "orch:project:film-a", "gpu_s_per_hour", str(PAID_S))
        yield opened


@pytest.mark.parametrize(("waited_s", "goes_on"), [(39, ["t2"]), (30, [])])
def test_of_a_run_that_failed(store: RecordStore, waited_s: float, goes_on: list[str]) -> None:
    store.submit(new_task("t1"), new_task("t2"))
    run = store.claim_one()
    store.pass_time(40_000)
    store.claims.fail(run, FAILURE, decision=Again(after_s=60, counts=False), waited_s=waited_s)
    assert [run.task.id for run in store.claim().runs] == goes_on


def test_of_a_run_that_succeeded(store: RecordStore, tmp_path: Path) -> None:
    def answer(inputs: Tensors) -> Tensors:
        if room.clock.now_s < began_s + 20:
            raise Overloaded("the model's queue is full")
        return {"output": inputs["input"]}

    room = RunRoom(store, tmp_path, engine=FakeEngine({"echo": answer}))
    began_s = room.clock.now_s
    room.submit()
    store.submit(new_task("t2"))
    room.execute()
    assert room.task.status is Status.SUCCEEDED
    assert room.task.usage["run_s"] >= 20
    assert [run.task.id for run in store.claim().runs] == ["t2"]
