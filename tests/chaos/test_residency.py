"""A real Triton with its owner: models whose loading runs out of memory."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from processes import wait_for
from prometheus_client import CollectorRegistry
from record_store import RecordStore
from servers import Triton, triton

from orchestrator.adapters.redis.connection import WORKER, connect
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.model import Resident, ResidentState
from orchestrator.settings import ModelSettings, Settings, TritonSettings
from orchestrator.wiring.residency import Lease, build_owners, build_residency_ports

CONFIG = """
name: "{name}"  backend: "python"  max_batch_size: 0
input [ {{ name: "x", data_type: TYPE_UINT8, dims: [ 1 ] }} ]
output [ {{ name: "y", data_type: TYPE_UINT8, dims: [ 1 ] }} ]
instance_group [ {{ count: 1 }} ]
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


@dataclass
class OwnedNode:
    """A Triton and the store in which its owner tells of it, on real clocks."""

    store: RecordStore
    server: Triton

    def settings(self, **models: object) -> Settings:
        outside = TritonSettings.model_validate(
            {
                "grpc": self.server.grpc,
                "metrics_url": self.server.metrics_url,
                "warden_url": self.server.warden_url,
                "control_key": self.server.control_key,
            }
        )
        return Settings(triton=outside, models=ModelSettings.model_validate(models))

    @contextmanager
    def owner(self, **models: object) -> Iterator[None]:
        settings, done = self.settings(**models), threading.Event()
        ports = build_residency_ports(settings, self.store.scripts)
        self.residency = ports.residency
        lease = Lease(lambda: True, lambda: None)
        (_, tick, _), *_ = build_owners(settings, ports, registry=CollectorRegistry(), lease=lambda _address: lease)

        def keep() -> None:
            while not done.wait(0.1):
                tick()

        with running(keep):
            try:
                yield
            finally:
                done.set()

    @property
    def residents(self) -> dict[str, Resident]:
        return {each.release: each for instance in self.residency.instances() for each in instance.residents}

    def await_state(self, state: ResidentState, *releases: str) -> None:
        def is_so() -> bool:
            known = self.residents
            return all(release in known and known[release].state is state for release in releases)

        wait_for(is_so)


@contextmanager
def running(work: Callable[[], None]) -> Iterator[None]:
    """On a thread that must not fail."""
    failures: list[BaseException] = []

    def watched() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)
            raise

    thread = threading.Thread(target=watched)
    thread.start()
    try:
        yield
    finally:
        thread.join(90)
    assert not failures


@pytest.fixture
def node(redis_url: str, tmp_path: Path) -> Iterator[OwnedNode]:
    client = connect(redis_url, WORKER)
    with triton(tmp_path, models=()) as server:
        yield OwnedNode(RecordStore(Scripts(client)), server)
    client.close()


def test_fault_26_out_of_memory_at_load_evicts_once_and_is_not_tried_for_ever(node: OwnedNode) -> None:
    for name, failures in (("hungry", 1), ("glutton", 99)):
        folder = node.server.repository / name / "1"
        folder.mkdir(parents=True)
        (folder.parent / "config.pbtxt").write_text(CONFIG.format(name=name))
        (folder / "model.py").write_text(GLUTTON.format(failures=failures))
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
