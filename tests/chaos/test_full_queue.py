"""A model that hangs, and one whose queue is full. Named after the numbers of the faults."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from model_node import Node, open_node
from processes import wait_for
from record_store import new_task, walk
from servers import Triton, wait_for_file

from orchestrator.adapters.redis.breakers import RedisBreakers
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.adapters.triton.engine import TritonEngine
from orchestrator.adapters.triton.figures import TritonFigures
from orchestrator.domain.breaker import BreakerState, name_triton
from orchestrator.domain.errors import Category
from orchestrator.domain.retry import POLICIES
from orchestrator.domain.task import Status
from orchestrator.pipelines.patient_engine import WAITS_S

PATIENCE_S = 30.0
LEEWAY_S = 1.5
ROUNDS = 4
DELAYED = "return redis.call('ZRANGE', 'orch:delayed', 0, -1, 'WITHSCORES')"

SHORT_QUEUE = """
backend: "python"
max_batch_size: 1
input [ { name: "input", data_type: TYPE_UINT8, dims: [ -1 ] } ]
output [ { name: "output", data_type: TYPE_UINT8, dims: [ -1 ] } ]
instance_group [ { count: 1 } ]
dynamic_batching { default_queue_policy { max_queue_size: 1 } }
"""
HOLDING = """
import time
from pathlib import Path
import triton_python_backend_utils as pb_utils

HELD = Path({held!r})

class TritonPythonModel:
    def execute(self, requests):
        while HELD.exists():
            HELD.with_suffix(".begun").touch()
            if requests[0].is_cancelled():
                HELD.with_suffix(".cancelled").touch()
                break
            time.sleep(0.01)
        sent = [pb_utils.get_input_tensor_by_name(request, "input").as_numpy() for request in requests]
        return [pb_utils.InferenceResponse([pb_utils.Tensor("output", array)]) for array in sent]
"""


@pytest.fixture
def node(redis_url: str, triton_server: Triton, tmp_path: Path) -> Iterator[Node]:
    with open_node(redis_url, triton_server, scratch=tmp_path) as opened:
        yield opened


@contextmanager
def holding(node: Node) -> Iterator[Path]:
    """`echo@8` answers nothing until the block is left; it touches files beside the yielded one."""
    folder, held = node.triton.repository / "echo@8", node.scratch / "held"
    (folder / "1").mkdir(parents=True, exist_ok=True)
    (folder / "config.pbtxt").write_text(SHORT_QUEUE)
    (folder / "1" / "model.py").write_text(HOLDING.format(held=str(held)))
    node.residency.route("echo", {"echo@8": 1})
    node.load("echo@8")
    held.touch()
    yield held
    held.unlink(missing_ok=True)


@contextmanager
def full_queue(node: Node) -> Iterator[Callable[[], None]]:
    """`echo@8` runs one request and has another in its queue; there is no room for more until the block is left, or
    what is yielded is called.
    """
    with closing(TritonEngine(node.triton.grpc)) as engine, holding(node) as held:
        bytes_in = {"input": np.zeros((1, 4), np.uint8)}
        kept = [engine.submit("echo@8", bytes_in, outputs=("output",))]
        wait_for_file(held.with_suffix(".begun"))
        kept.append(engine.submit("echo@8", bytes_in, outputs=("output",)))
        wait_for(lambda: pending(node) == 1)

        def make_room() -> None:
            held.unlink(missing_ok=True)
            for inference in kept:
                inference.result(PATIENCE_S)

        yield make_room
        make_room()


def pending(node: Node) -> float:
    with closing(TritonFigures(node.triton.metrics_url)) as figures:
        return figures.read()["echo@8"].pending


@pytest.mark.parametrize("limit", ["stage", "run_for_s"])
def test_fault_23_a_model_that_hangs_costs_a_run_its_own_time_and_is_cancelled(node: Node, limit: str) -> None:
    hasty, run_for_s = (replace(node, infer_s=1.0), None) if limit == "stage" else (node, 1.0)
    with holding(hasty) as held:
        node.store.submit(replace(new_task("t"), run_for_s=run_for_s))
        began_s = time.monotonic()
        hasty.drain.drain("io")
        took_s = time.monotonic() - began_s
        wait_for_file(held.with_suffix(".cancelled"), within_s=2.0)
    assert 1.0 <= took_s < 1.0 + LEEWAY_S
    assert (node.store.task("t").status, node.store.task("t").tries) == (Status.QUEUED, {Category.TIMEOUT: 1})
    (attempt,) = node.store.reads.attempts("t")
    assert attempt.error
    assert attempt.error.code == ("stage_timeout" if limit == "stage" else "run_for_exceeded")


def test_fault_24_a_queue_that_is_full_for_minutes_costs_no_try_and_opens_no_breaker(node: Node) -> None:
    names, waits = [f"t-{number}" for number in range(6)], list[list[float]]()
    with full_queue(node):
        node.store.submit(*map(new_task, names))
        for round_ in range(1, ROUNDS + 1):
            began_s = node.clock.monotonic_s()
            node.drain.drain("io")
            assert node.clock.monotonic_s() - began_s >= WAITS_S, "inside the run at first"
            due_ms = [float(due) for due in node.store.client.eval(DELAYED, 0)[1::2]]
            waits.append([(due - node.store.now_ms) / 1000 for due in due_ms])
            tasks = [node.store.task(name) for name in names]
            assert {task.status for task in tasks} == {Status.QUEUED}
            assert [(task.tries, task.waits) for task in tasks] == [({}, {Category.SATURATED: round_})] * len(names)
            node.store.pass_time(15_000)
            node.store.tick()
        breaker = RedisBreakers(node.store.scripts, SystemClock()).look(name_triton(node.triton.grpc))
        assert (breaker.state, breaker.failures) == (BreakerState.CLOSED, 0)
    policy = POLICIES[Category.SATURATED]
    for round_, round_waits in enumerate(waits, 1):
        assert policy.first_s / 2 - 0.1 <= min(round_waits) < max(round_waits) <= policy.backoff_s(round_, 1.0)
    assert max(waits[-1]) > policy.backoff_s(1, 1.0), "later each time"
    assert len({round(wait_s, 2) for wait_s in waits[-1]}) > 1, "with jitter: they don't come back together"
    while any(node.store.task(name).status is Status.QUEUED for name in names):
        node.wait_out()
        node.drain.drain("io")
    assert [(task.status, task.tries) for task in map(node.store.task, names)] == [(Status.SUCCEEDED, {})] * len(names)
    assert walk(node.store) == set()


def test_fault_24_whoever_waits_inside_its_run_goes_on_when_there_is_room(node: Node) -> None:
    with full_queue(node) as make_room:
        node.store.submit(*map(new_task, ("a", "b")))
        node.clock.in_pause = make_room
        node.drain.drain("io")
        tasks = [node.store.task(name) for name in ("a", "b")]
        assert [(task.status, task.epoch) for task in tasks] == [(Status.SUCCEEDED, 1)] * 2
