"""A real Triton with its owner, and workers that claim, ask and finish: on real clocks."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count

import numpy as np
from processes import wait_for
from prometheus_client import CollectorRegistry
from record_store import DONE, RecordStore, new_task
from servers import Triton

from orchestrator.adapters.triton.servers import TritonServers
from orchestrator.domain.model import Instance, Resident, ResidentState
from orchestrator.domain.task import Status
from orchestrator.ports.inference import Tensors
from orchestrator.settings import ModelSettings, Settings, TritonSettings
from orchestrator.wiring.residency import Lease, build_owners, build_residency_ports

CONFIG = """
name: "{name}"  backend: "python"  max_batch_size: 0
input [ {{ name: "x", data_type: TYPE_UINT8, dims: [ 1 ] }} ]
output [ {{ name: "y", data_type: TYPE_UINT8, dims: [ 1 ] }} ]
instance_group [ {{ count: 1 }} ]
"""
ASKED: Tensors = {"x": np.ones(1, np.uint8)}


@dataclass
class OwnedNode:
    """A Triton and the store in which its owner tells of it."""

    store: RecordStore
    server: Triton
    stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.engines = TritonServers([self.server.grpc], control_key=self.server.control_key, deadline_s=60)
        self.numbers, self.registry = count(), CollectorRegistry()
        self.ports = build_residency_ports(self.settings(), self.store.scripts)
        self.residency, self.gauge = self.ports.residency, self.ports.servers[0].gauge

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

    def add_model(self, name: str, code: str) -> None:
        """A model of Python's that takes x and gives y, a byte each."""
        folder = self.server.repository / name / "1"
        folder.mkdir(parents=True)
        (folder.parent / "config.pbtxt").write_text(CONFIG.format(name=name))
        (folder / "model.py").write_text(code)

    @contextmanager
    def owner(self, **models: object) -> Iterator[None]:
        done, lease = threading.Event(), Lease(lambda: True, lambda: None)
        settings, self.registry = self.settings(**models), CollectorRegistry()
        owners = build_owners(settings, self.ports, registry=self.registry, lease=lambda _address: lease)
        (_, tick, _), *_ = owners

        def keep() -> None:
            while not done.wait(0.1):
                tick()

        with running(keep):
            try:
                yield
            finally:
                done.set()

    @property
    def instance(self) -> Instance:
        (instance,) = self.residency.instances()
        return instance

    @property
    def residents(self) -> Mapping[str, Resident]:
        return {each.release: each for instance in self.residency.instances() for each in instance.residents}

    @property
    def evictions(self) -> float:
        labels = {"instance": self.server.grpc}
        return self.registry.get_sample_value("orchestrator_model_evictions_total", labels) or 0.0

    def await_state(self, state: ResidentState, *releases: str) -> None:
        def is_so() -> bool:
            known = self.residents
            return all(release in known and known[release].state is state for release in releases)

        wait_for(is_so)

    def await_success(self, *tasks: str) -> None:
        wait_for(lambda: all(self.store.task(task).status is Status.SUCCEEDED for task in tasks), within_s=90)

    def submit(self, model: str) -> str:
        name = f"{model}-{next(self.numbers)}"
        self.store.submit(replace(new_task(name), model=model))
        return name

    def work(self) -> None:
        """As a slot of a child does, until it is stopped."""
        while not self.stopping.is_set():
            claimed = self.store.claims.claim("io", "worker-1", run_ids=[f"run-{next(self.numbers)}"])
            for run in claimed.runs:
                assert run.placement
                engine = self.engines(run.placement.instance).engine
                engine.submit(run.placement.release, ASKED, outputs=("y",)).result(60)
                self.store.claims.finish(run, DONE)
            if not claimed.runs:
                self.stopping.wait(0.1)


@contextmanager
def running(work: Callable[[], None], times: int = 1) -> Iterator[None]:
    """On threads that must not fail."""
    failures: list[BaseException] = []

    def watched() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=watched) for _ in range(times)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join(90)
    assert not failures
