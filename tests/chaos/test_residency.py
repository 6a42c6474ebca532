"""A real Triton with its owner: memory for two of three models, and models whose loading runs out of memory."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from owned_node import OwnedNode, running
from record_store import RecordStore
from servers import triton

from orchestrator.adapters.redis.connection import WORKER, connect
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.model import ResidentState
from orchestrator.domain.task import Status
from orchestrator.wiring.residency import BYTES_PER_MIB

pytestmark = pytest.mark.timeout(300)

PERIOD_S = 1.0
BALLAST_BYTES, GROWTH_BYTES = 96 * BYTES_PER_MIB, 16 * BYTES_PER_MIB
BALLAST = f"""
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def initialize(self, args):
        self.held = [bytearray(b"1") * {BALLAST_BYTES}]

    def execute(self, requests):
        if len(self.held) == 1:
            self.held.append(bytearray(b"1") * {GROWTH_BYTES})
        x = [pb_utils.get_input_tensor_by_name(request, "x").as_numpy() for request in requests]
        return [pb_utils.InferenceResponse([pb_utils.Tensor("y", each)]) for each in x]
"""
# Python's own words for it; Triton passes them on as "load failed for model".
GLUTTON = """
from pathlib import Path

class TritonPythonModel:
    def initialize(self, args):
        tries = Path(__file__).with_name("tries")
        tries.write_text((tries.read_text() if tries.exists() else "") + ".")
        if len(tries.read_text()) <= {failures}:
            raise MemoryError("CUDA out of memory")

    def execute(self, requests):
        raise NotImplementedError
"""


@pytest.fixture
def node(redis_url: str, tmp_path: Path) -> Iterator[OwnedNode]:
    client = connect(redis_url, WORKER)
    with triton(tmp_path, models=()) as server:
        yield OwnedNode(RecordStore(Scripts(client)), server)
    client.close()


class Watch:
    """What must hold at every moment, looked at all the time on a thread of its own."""

    def __init__(self, node: OwnedNode, budget_bytes: int) -> None:
        self.node, self.budget_bytes, self.looks = node, budget_bytes, 0

    def look(self) -> None:
        away = {ResidentState.UNLOADING, ResidentState.UNLOADED}
        while not self.node.stopping.wait(0.2):  # to walk all processes is dear
            memory = self.node.gauge.read()
            assert memory.used_bytes <= self.budget_bytes, memory
            assert not [each for each in self.node.residents.values() if each.pins and each.state in away]
            self.looks += 1


def test_fault_25_memory_for_two_of_three_models_is_shared_in_turns_and_nothing_fails(node: OwnedNode) -> None:
    """Also proof 2 of issue 6. The budget holds half a footprint more: a stub is forked, and large for a moment."""
    models = ("first", "second", "third")
    for model in models:
        node.add_model(model, BALLAST)
    alone = node.gauge.read().used_bytes
    node.engines("").control.load("first")  # before any owner comes
    size = node.gauge.read().used_bytes - alone
    budget_mib = (alone + 2 * (size + GROWTH_BYTES) + size // 2) // BYTES_PER_MIB
    watch = Watch(node, budget_mib * BYTES_PER_MIB)
    waiting, ended = dict.fromkeys(models, ""), Counter[str]()
    rules = {"memory_budget_mib": budget_mib, "min_residency": PERIOD_S, "preload": "none"}
    with node.owner(**rules), running(watch.look), running(node.work, times=3):
        try:
            node.await_state(ResidentState.READY, "first")
            assert node.residents["first"].bytes > BALLAST_BYTES
            begun_s = time.monotonic()
            while node.evictions < 2 or not all(ended[model] > 1 for model in models):
                for model, name in waiting.items():
                    if not name or node.store.task(name).status is Status.SUCCEEDED:
                        ended[model] += bool(name)
                        waiting[model] = node.submit(model)
                node.stopping.wait(0.1)
                assert time.monotonic() < begun_s + 120, (node.instance, ended)
            took_s, evictions = time.monotonic() - begun_s, node.evictions
            node.await_success(*waiting.values())
        finally:
            node.stopping.set()
    assert watch.looks > 3
    assert evictions <= took_s / PERIOD_S + 1
    assert all(node.store.task(name).tries == {} for name in waiting.values())
    assert all(node.residency.learned(model)["resident"] >= BALLAST_BYTES + GROWTH_BYTES for model in models)


def test_fault_26_out_of_memory_at_load_evicts_once_and_is_not_tried_for_ever(node: OwnedNode) -> None:
    for name, failures in (("hungry", 1), ("glutton", 99)):
        node.add_model(name, GLUTTON.format(failures=failures))
    with node.owner(preload="silero_vad"):
        node.await_state(ResidentState.READY, "silero_vad")
        node.residency.want("hungry")
        node.await_state(ResidentState.READY, "hungry")
        assert node.residents["silero_vad"].state is ResidentState.UNLOADED
        node.residency.want("glutton")
        node.await_state(ResidentState.FAILED, "glutton")
        assert node.residents["glutton"].code == "gpu_oom"
        node.residency.want("glutton")
        node.residency.want("silero_vad")
        node.await_state(ResidentState.READY, "silero_vad")
    tries = (node.server.repository / "glutton" / "1" / "tries").read_text()
    assert len(tries) == 2
