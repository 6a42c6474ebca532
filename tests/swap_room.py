"""A swap from end to end without Triton: its record on Valkey, an owner that obeys, and models that are functions."""

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from fakes_codec import FakePictures
from fakes_engine import FakeControl, FakeEngine
from numpy.typing import NDArray
from record_store import RecordStore
from residency_world import Inline
from run_room import HandClock

from orchestrator.adapters.redis.residency import RedisResidency
from orchestrator.adapters.redis.swaps import RedisSwaps
from orchestrator.domain.manifest import Golden, Manifest, ReleaseFile, TensorSpec
from orchestrator.domain.model import Instance, ModelNotFound, Release, Resident, ResidentState
from orchestrator.domain.swap import Swap
from orchestrator.domain.swap_rules import homes_of
from orchestrator.domain.traffic import Traffic
from orchestrator.pipelines.golden_gate import GoldenGate
from orchestrator.ports.inference import InferenceServer, Tensors
from orchestrator.ports.swaps import Standing
from orchestrator.services.swaps.advance_swaps import AdvanceSwaps
from orchestrator.services.swaps.retire_release import RetireRelease
from orchestrator.services.swaps.roll_back import RollBack
from orchestrator.services.swaps.shift_traffic import ShiftTraffic
from orchestrator.services.swaps.stage_release import StageRelease
from orchestrator.services.swaps.swap_model import SwapModel
from orchestrator.wiring.swaps import build_turns

GPU = "triton-a:8001"
GRACE_S = 600.0
SIZE_BYTES = 100
SAMPLE: NDArray[np.float32] = np.arange(4, dtype=np.float32)
X, Y = TensorSpec("x", "FP32", (4,)), TensorSpec("y", "FP32", (4,))
GOLDEN = Golden("in.npz", "out.npz", "max_abs", bound=0.1)


def npz(**tensors: NDArray[np.float32]) -> bytes:
    with io.BytesIO() as file:
        np.savez(file, allow_pickle=False, **tensors)
        return file.getvalue()


FILES = {"in.npz": npz(x=SAMPLE), "out.npz": npz(y=SAMPLE), "warmup/a.npz": npz(x=SAMPLE)}


def identity(inputs: Tensors) -> Tensors:
    return {"y": inputs["x"]}


def manifest_of(release: Release) -> Manifest:
    files = tuple(ReleaseFile(path, len(content), "") for path, content in FILES.items())
    return Manifest(release, files, "", (X,), (Y,), (GOLDEN,))


@dataclass
class FakeReleases:
    """Implements `ports.releases.Releases` with releases that differ in nothing but what a test says."""

    manifests: dict[Release, Manifest] = field(default_factory=dict)

    def push(self, release: Release) -> None:
        self.manifests[release] = manifest_of(release)

    def find(self, release: Release) -> Manifest:
        if release not in self.manifests:
            raise ModelNotFound
        return self.manifests[release]

    def list(self, model: str = "") -> tuple[Manifest, ...]:
        return tuple(found for release, found in self.manifests.items() if model in {"", release.model})

    def links(self, manifest: Manifest) -> dict[str, str]:
        return {file.path: f"https://storage/{file.path}" for file in manifest.files}

    def read(self, manifest: Manifest, path: str) -> bytes:
        self.find(manifest.release)
        return FILES[path]


class ConfiguredControl(FakeControl):
    """Everything that is loaded takes x and gives y."""

    def config(self, model: str) -> str:
        tensors = ([{"name": spec.name, "data_type": f"TYPE_{spec.datatype}", "dims": spec.dims}] for spec in (X, Y))
        return json.dumps({"name": model, **dict(zip(("input", "output"), tensors, strict=True))})


@dataclass
class SwapRoom:
    """The duty, and everything around it, in the hand of a test."""

    store: RecordStore
    releases: FakeReleases = field(default_factory=FakeReleases)
    models: dict[str, Callable[[Tensors], Tensors]] = field(default_factory=lambda: {"echo": identity})
    served: dict[str, Traffic] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    bring: Callable[[str, Manifest], None] = lambda _instance, _manifest: None
    load_error: str = ""
    clock: HandClock = field(default_factory=HandClock)

    def __post_init__(self) -> None:
        self.residency, self.swaps = RedisResidency(self.store.scripts), RedisSwaps(self.store.scripts)
        self.residency.note_instance(Instance(GPU))
        self.residency.note(GPU, Resident("echo", ResidentState.READY, bytes=SIZE_BYTES))
        server = InferenceServer(FakeEngine(self.models), ConfiguredControl())
        gate = GoldenGate(self.releases, FakePictures(), lambda _: server, self.clock)

        def traffic(release: str) -> Traffic:
            return self.served.get(release, Traffic())

        def bring(instance: str, manifest: Manifest) -> None:
            self.bring(instance, manifest)

        def problems(_instance: str, _release: str) -> Sequence[str]:
            return self.problems

        stage = StageRelease(self.residency, self.releases, gate, bring, problems, traffic)
        shift = ShiftTraffic(self.residency, self.releases, gate, traffic, GRACE_S)
        self.duty = AdvanceSwaps(
            self.swaps, build_turns(stage=stage, shift=shift, retire=RetireRelease(self.residency)), Inline()
        )
        self.ask = SwapModel(self.swaps, self.releases, self.residency, lambda kind: f"{kind}_1")
        self.back = RollBack(self.swaps, self.residency, lambda release, by: self.ask.swap(release, by=by))

    def push(self, version: int, model: Callable[[Tensors], Tensors] = identity) -> Release:
        release = Release("echo", version)
        self.releases.push(release)
        self.models[release.name] = model
        return release

    @property
    def standing(self) -> Standing:
        found = self.swaps.find("echo")
        assert found
        return found

    @property
    def swap(self) -> Swap:
        return self.standing.swap

    @property
    def routes(self) -> dict[str, int]:
        return dict(self.residency.routes("echo"))

    @property
    def resident(self) -> set[str]:
        """What takes memory."""
        return {found.release for found in self.residents if self.is_there(found.release)}

    @property
    def residents(self) -> list[Resident]:
        return [found for instance in self.residency.instances() for found in instance.residents]

    def tick(self, seconds: float = 0) -> Swap:
        """Time passes, the keeper ticks, the owner does what it is asked."""
        self.store.pass_time(int(1000 * seconds))
        self.duty.tick()
        self.obey()
        return self.swap

    def settle(self) -> Swap:
        """Tick while anything moves."""
        before = ""
        while before != self.standing.token or self.residency.wanted():
            before = self.standing.token
            self.tick()
        return self.swap

    def obey(self) -> None:
        """As the owner does: load what is wanted, unload what is closed and used by nobody."""
        for name in self.residency.wanted():
            release = name.removesuffix("@0")
            if self.load_error:
                failed = Resident(release, ResidentState.FAILED, since_ms=self.store.now_ms, error=self.load_error)
                self.residency.note(GPU, failed)
            else:
                self.residency.note(GPU, Resident(release, ResidentState.READY, bytes=SIZE_BYTES))
            self.residency.settle(name)
        for found in self.residents:
            if found.state is ResidentState.CLOSING and not found.pins:
                self.residency.note(GPU, Resident(found.release, ResidentState.UNLOADED))

    def is_there(self, release: str) -> bool:
        return bool(homes_of(self.residency.instances(), release))
