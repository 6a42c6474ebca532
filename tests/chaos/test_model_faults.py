"""What a run meets at a model: it is gone, or its memory does not suffice. Named after the numbers of the faults."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from fakes_storage import MemoryStorage
from processes import wait_for
from record_store import RecordStore, new_task, open_store, walk
from servers import Triton, wait_for_file

from orchestrator.adapters.redis.breakers import RedisBreakers
from orchestrator.adapters.redis.reservations import RedisReservations
from orchestrator.adapters.redis.residency import RedisResidency
from orchestrator.adapters.redis.served import RedisServed
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.adapters.triton.control import TritonControl
from orchestrator.adapters.triton.engine import TritonEngine
from orchestrator.adapters.triton.figures import TritonFigures
from orchestrator.adapters.triton.servers import TritonServers
from orchestrator.domain.breaker import BreakerState, name_triton
from orchestrator.domain.errors import Category
from orchestrator.domain.model import Instance, Resident, ResidentState
from orchestrator.domain.retry import POLICIES
from orchestrator.domain.task import Status, Task
from orchestrator.settings import Settings, WorkerSettings
from orchestrator.wiring.worker import WorkerPorts, build_drain

PATIENCE_S = 30.0
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
            time.sleep(0.01)
        sent = [pb_utils.get_input_tensor_by_name(request, "input").as_numpy() for request in requests]
        return [pb_utils.InferenceResponse([pb_utils.Tensor("output", array)]) for array in sent]
"""

MOST_TRIES = POLICIES[Category.GPU_MEMORY].tries


class NoPulses:
    """For a child that is told to drain."""

    def ring(self, lane: str) -> None:
        pass


@dataclass
class Node:
    """A child of lane `io`, an owner's words about one real Triton, and the clock of the record in the test's hand."""

    store: RecordStore
    triton: Triton
    control: TritonControl
    scratch: Path

    def __post_init__(self) -> None:
        self.residency = RedisResidency(self.store.scripts)
        self.residency.note_instance(Instance(self.triton.grpc))
        ports = WorkerPorts(
            claims=self.store.claims,
            pulses=NoPulses(),
            storage=MemoryStorage(),
            server=TritonServers(["nowhere:1"], control_key=self.triton.control_key, deadline_s=30.0),
            residency=self.residency,
            reservations=RedisReservations(self.store.scripts),
            served=RedisServed(self.store.client),
            breakers=RedisBreakers(self.store.scripts, SystemClock()),
            attempts=self.store.reads.attempts,
            clock=SystemClock(),
        )
        settings = Settings(worker=WorkerSettings(scratch_dir=self.scratch))
        self.drain = build_drain(settings, ports, lane="io", is_stopping=lambda: False)

    def load(self, release: str) -> None:
        """As its owner does."""
        self.control.load(release)
        self.residency.note(self.triton.grpc, Resident(release, ResidentState.READY, version="1"))
        self.residency.settle(release)

    def run(self, name: str, *, size_bytes: int = 64) -> Task:
        """One more task, and whatever else is ready."""
        self.store.submit(replace(new_task(name), params={"size_bytes": size_bytes}))
        return self.go_on(name)

    def go_on(self, name: str) -> Task:
        self.drain.drain("io")
        return self.store.task(name)

    def wait_out(self) -> None:
        """The longest back-off."""
        self.store.pass_time(600_000)
        self.store.tick()


@pytest.fixture
def node(redis_url: str, triton_server: Triton, tmp_path: Path) -> Iterator[Node]:
    with (
        open_store(redis_url) as store,
        closing(TritonControl(triton_server.grpc, control_key=triton_server.control_key)) as control,
    ):
        yield Node(store, triton_server, control, tmp_path)
        control.load("echo")
        for release in ("echo@8", "echo@9"):
            control.unload(release)


@contextmanager
def full_queue(node: Node) -> Iterator[None]:
    """`echo@8` runs one request and holds another; there is no room for more until the block is left."""
    folder, held = node.triton.repository / "echo@8", node.scratch / "held"
    (folder / "1").mkdir(parents=True, exist_ok=True)
    (folder / "config.pbtxt").write_text(SHORT_QUEUE)
    (folder / "1" / "model.py").write_text(HOLDING.format(held=str(held)))
    node.residency.route("echo", {"echo@8": 1})
    node.load("echo@8")
    held.touch()
    with closing(TritonEngine(node.triton.grpc)) as engine:
        bytes_in = {"input": np.zeros((1, 4), np.uint8)}
        kept = [engine.submit("echo@8", bytes_in, outputs=("output",))]
        wait_for_file(held.with_suffix(".begun"))
        kept.append(engine.submit("echo@8", bytes_in, outputs=("output",)))
        wait_for(lambda: pending(node) == 1)
        yield
        held.unlink()
        for inference in kept:
            inference.result(PATIENCE_S)


def pending(node: Node) -> float:
    with closing(TritonFigures(node.triton.metrics_url)) as figures:
        return figures.read()["echo@8"].pending


def test_fault_24_a_queue_that_is_full_for_a_minute_costs_no_try_and_opens_no_breaker(node: Node) -> None:
    names, waits = [f"t-{number}" for number in range(6)], []
    with full_queue(node):
        node.store.submit(*map(new_task, names))
        for _ in range(ROUNDS):
            node.drain.drain("io")
            due_ms = [float(due) for due in node.store.client.eval(DELAYED, 0)[1::2]]
            assert len(due_ms) == len(names)
            waits += [due / 1000 - node.store.now_ms / 1000 for due in due_ms]
            node.store.pass_time(60_000 // ROUNDS)
            node.store.tick()
        assert [(task.status, task.tries) for task in map(node.store.task, names)] == [(Status.QUEUED, {})] * len(names)
        breaker = RedisBreakers(node.store.scripts, SystemClock()).look(name_triton(node.triton.grpc))
        assert (breaker.state, breaker.failures) == (BreakerState.CLOSED, 0)
    policy = POLICIES[Category.SATURATED]
    assert policy.first_s / 2 - 0.1 <= min(waits) < max(waits) <= policy.cap_s
    assert len({round(wait_s, 2) for wait_s in waits}) > len(names), "with jitter: they don't come back together"
    while any(node.store.task(name).status is Status.QUEUED for name in names):  # there is room for two at a time
        node.wait_out()
        node.drain.drain("io")
    assert [(task.status, task.tries) for task in map(node.store.task, names)] == [(Status.SUCCEEDED, {})] * len(names)
    assert walk(node.store) == set()


def test_fault_25_a_model_that_goes_between_claim_and_infer(node: Node) -> None:
    node.load("echo")
    assert node.run("warm").status is Status.SUCCEEDED  # the child trusts the placement for a while now
    node.control.unload("echo")
    task = node.run("t")
    assert (task.status, task.tries) == (Status.QUEUED, {Category.MODEL_UNAVAILABLE: 1})
    assert set(node.residency.wanted()) == {"echo"}, "its owner has heard of it"
    (instance,) = node.residency.instances()
    assert [resident.pins for resident in instance.residents] == [0]
    node.load("echo")
    node.wait_out()
    task = node.go_on("t")
    assert (task.status, task.tries) == (Status.SUCCEEDED, {Category.MODEL_UNAVAILABLE: 1})
    assert (task.usage["release"], task.usage["model_version"]) == ("echo", "1")


def test_fault_26_memory_that_does_not_suffice_for_one_task_fails_that_task_alone(node: Node) -> None:
    node.residency.route("echo", {"echo@9": 1})
    node.load("echo@9")
    node.store.submit(replace(new_task("small"), params={"size_bytes": 64}))
    for tries in range(1, MOST_TRIES):
        task = node.run("large", size_bytes=4096) if tries == 1 else node.go_on("large")
        assert (task.status, task.tries) == (Status.QUEUED, {Category.GPU_MEMORY: tries})
        node.wait_out()
    task = node.go_on("large")
    assert task.status is Status.FAILED
    assert task.error
    assert (task.error.code, task.error.category) == ("gpu_oom", Category.GPU_MEMORY)
    small = node.store.task("small")
    assert (small.status, small.usage["release"]) == (Status.SUCCEEDED, "echo@9")
    assert node.run("another").status is Status.SUCCEEDED, "the server stays up, and so does the model"
