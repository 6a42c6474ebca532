"""Swaps on a real Triton: releases that say which one answered, an owner that loads and unloads, a constant load."""

import io
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count

import numpy as np
import servers
from record_store import RecordStore, new_task
from swap_room import FakeReleases

from orchestrator.adapters.redis.residency import RedisResidency
from orchestrator.adapters.redis.swaps import RedisSwaps
from orchestrator.adapters.triton.figures import TritonFigures
from orchestrator.adapters.triton.servers import TritonServers
from orchestrator.domain.errors import OrchestratorError
from orchestrator.domain.manifest import Golden, Manifest, ReleaseFile, TensorSpec
from orchestrator.domain.model import Instance, Release, Resident, ResidentState
from orchestrator.domain.swap import Swap
from orchestrator.domain.task import Run
from orchestrator.ports.claims import Commit
from orchestrator.settings import ModelSettings, Settings, TritonSettings
from orchestrator.wiring.swaps import SwapPorts, build_swap_duty, build_swap_parts

MODEL = "marked"
VALUE, MARK = TensorSpec("value", "INT32", (1,)), TensorSpec("mark", "INT32", (1,))
TIMEOUT_S = 30.0
OWNER = "worker-1"


def npz(value: int) -> bytes:
    with io.BytesIO() as file:
        np.savez(file, allow_pickle=False, value=np.array([value], np.int32))
        return file.getvalue()


FILES = {"in.npz": npz(7), "out.npz": npz(7), "warmup/a.npz": npz(1)}


class MarkedReleases(FakeReleases):
    """What was pushed lies in the repository already: the warden has its own tests."""

    def push(self, release: Release) -> None:
        files = tuple(ReleaseFile(path, len(content), "") for path, content in FILES.items())
        golden = Golden("in.npz", "out.npz", "exact")
        self.manifests[release] = Manifest(release, files, "", (VALUE,), (VALUE, MARK), (golden,))

    def read(self, manifest: Manifest, path: str) -> bytes:
        self.find(manifest.release)
        return FILES[path]


@dataclass
class LiveSwaps:
    """Everything of a swap, on the servers of a test."""

    store: RecordStore
    triton: servers.Triton
    models: ModelSettings
    releases: MarkedReleases = field(default_factory=MarkedReleases)

    def __post_init__(self) -> None:
        triton = TritonSettings(grpc=self.triton.grpc, control_key=self.triton.control_key)
        settings = Settings(triton=triton, models=self.models)
        self.residency, self.swaps = RedisResidency(self.store.scripts), RedisSwaps(self.store.scripts)
        self.servers = TritonServers((self.triton.grpc,), control_key=self.triton.control_key, deadline_s=TIMEOUT_S)
        self.control = self.servers(self.triton.grpc).control
        self.figures = TritonFigures(self.triton.metrics_url)
        ports = SwapPorts(self.swaps, self.residency, self.releases, {}, {self.triton.grpc: self.figures})
        self.duty = build_swap_duty(settings, ports)
        self.parts = build_swap_parts(settings, self.store.scripts, releases=self.releases)

    def push(self, version: int, *, broken: int = 0, dims: int = 1, **behaviour: int) -> Release:
        """Put a release into Triton's repository."""
        release = Release(MODEL, version)
        folder = self.triton.repository / release.name
        shutil.copytree(self.triton.repository / MODEL, folder)
        config = (folder / "config.pbtxt").read_text().replace("dims: [ 1 ]", f"dims: [ {dims} ]")
        parameter = 'parameters {{ key: "{}" value: {{ string_value: "{}" }} }}'
        said = [parameter.format(name, value) for name, value in behaviour.items()]
        (folder / "config.pbtxt").write_text("\n".join([config, *said]))
        if broken:
            (folder / "1" / "model.py").write_text("this is no Python")
        self.releases.push(release)
        found = self.releases.manifests[release]
        self.releases.manifests[release] = replace(
            found, inputs=tuple(replace(spec, dims=(dims,)) for spec in found.inputs)
        )
        return release

    def strip(self, release: Release) -> None:
        """Leave it no samples."""
        found = self.releases.manifests[release]
        self.releases.manifests[release] = replace(found, files=(), goldens=())

    def swap_to(self, release: Release, *, canary: int = 100, watch_s: float = 0.0) -> Swap:
        """Swap, and stay until it is decided which release serves."""
        self.parts.swap.swap(release, by="key_1", canary=canary, watch_s=watch_s)
        give_up_s = time.monotonic() + 100
        pause = threading.Event()
        while True:
            self.duty.tick()
            found = self.swaps.find(release.model)
            assert found
            if found.swap.is_settled:
                return found.swap
            assert time.monotonic() < give_up_s, found
            pause.wait(0.05)

    def start(self) -> None:
        """The stock release serves."""
        self.control.load(MODEL)
        self.residency.note_instance(Instance(self.triton.grpc))
        self.residency.note(self.triton.grpc, Resident(MODEL, ResidentState.READY, "1"))

    def own(self) -> None:
        """What an owner does in one turn: unload what is closed and used by nobody, then load what is wanted."""
        address = self.triton.grpc
        for found in self.residency.instances()[0].residents:
            if found.state is ResidentState.CLOSING and not found.pins:
                self.control.unload(found.release)
                self.residency.forget(address, found.release)
        survey = self.residency.survey()
        closing = {found.release for found in survey.instances[0].residents if found.state is ResidentState.CLOSING}
        for name in survey.wanted.keys() - closing:
            release = name.removesuffix("@0")
            try:
                self.control.load(release)
                self.residency.note(address, Resident(release, ResidentState.READY, "1"))
            except OrchestratorError as error:
                failed = Resident(
                    release, ResidentState.FAILED, since_ms=self.residency.survey().now_ms, error=str(error)
                )
                self.residency.note(address, failed)
            self.residency.settle(name)


@contextmanager
def repeating(*works: Callable[[], None]) -> Iterator[list[Exception]]:
    """Each in a thread of its own, again and again until the end; what went wrong meanwhile."""
    stopping, wrong = threading.Event(), list[Exception]()

    def repeat(work: Callable[[], None]) -> None:
        while not stopping.is_set():
            try:
                work()
            except Exception as error:  # noqa: BLE001 - a test asserts that there is none
                wrong.append(error)
                return
            stopping.wait(0.02)

    threads = [threading.Thread(target=repeat, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield wrong
    finally:
        stopping.set()
        for thread in threads:
            thread.join(TIMEOUT_S)


@dataclass
class Load:
    """Tasks at a steady rate, claimed and run as a worker does; what became of each."""

    live: LiveSwaps
    per_s: float = 20.0
    insists: bool = False  # what fails is run again, as a worker does
    took_s: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    submitted: int = 0
    _born: dict[str, float] = field(default_factory=dict)
    _due_s: float = field(default_factory=time.monotonic)
    _ids: Iterator[int] = field(default_factory=count)

    def submit(self) -> None:
        while time.monotonic() >= self._due_s:
            self._due_s += 1 / self.per_s
            task_id = f"task_{next(self._ids)}"
            self._born[task_id] = time.monotonic()
            self.live.store.intake.submit(replace(new_task(task_id), model=MODEL))
            self.submitted += 1

    def work(self) -> None:
        for run in self.live.store.claim(count=4, owner=OWNER).runs:
            self._run(run)

    def _run(self, run: Run) -> None:
        placement = run.placement
        assert placement, "its model has an owner"
        number = run.epoch
        inputs = {"value": np.array([[number]], np.int32)}
        engine = self.live.servers(placement.instance).engine
        try:
            outputs = engine.submit(placement.release, inputs, outputs=("value", "mark")).result(TIMEOUT_S)
        except OrchestratorError as error:
            if self.insists:
                self.live.store.claims.release(run)
            else:
                self.wrong.append(f"{run.task.id} on {placement.release}: {error}")
            return
        mark = Release(MODEL, int(outputs["mark"].item())).name
        if mark != placement.release or outputs["value"].item() != number:
            self.wrong.append(f"{run.task.id} was placed on {placement.release}, {mark} answered {outputs['value']}")
        self.live.store.claims.finish(run, Commit((), {"release": placement.release}, {}, actual_s=0.01))
        self.took_s.append(time.monotonic() - self._born.pop(run.task.id))

    def finish(self, within_s: float = TIMEOUT_S) -> None:
        """Work until nothing is left, or what is left cannot end."""
        give_up_s = time.monotonic() + within_s
        while self._born and not self.wrong and time.monotonic() < give_up_s:
            self.work()

    @property
    def unfinished(self) -> int:
        return len(self._born)

    def take_times(self) -> list[float]:
        """And begin anew."""
        taken, self.took_s = self.took_s, []
        return taken


def p99(values: list[float]) -> float:
    return sorted(values)[int(0.99 * (len(values) - 1))]
