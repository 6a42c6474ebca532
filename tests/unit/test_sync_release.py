"""An instance has what object storage has: fetched by etag, opened once, compared with the manifest, and removed."""

from dataclasses import dataclass, field

import pytest
from fakes_warden import FakeWarden
from push_room import MODEL, PushRoom

from orchestrator.domain.errors import Refused
from orchestrator.domain.manifest import Manifest
from orchestrator.domain.model import Instance, ModelNotFound, Release, Resident, ResidentState
from orchestrator.services.models.stored_releases import StoredReleases
from orchestrator.services.models.sync_release import SyncRelease

HERE = "gpu-1:8001"


@dataclass
class Node:
    """A bucket with releases, and an instance that has a warden."""

    room: PushRoom = field(default_factory=PushRoom)
    warden: FakeWarden = field(init=False)
    sync: SyncRelease = field(init=False)

    def __post_init__(self) -> None:
        self.warden = FakeWarden(storage=self._download)
        self.sync = SyncRelease(HERE, StoredReleases(self.room.storage, 60), self.warden, self.room.residency)
        self.room.residency.note_instance(Instance(HERE))

    def push(self, **labels: bytes) -> Manifest:
        manifest = self.room.push({"model.onnx": MODEL, **{f"{name}.txt": text for name, text in labels.items()}})
        tensors = manifest.render()
        self.warden.checks[manifest.release.name] = {**tensors, "problems": []}
        return manifest

    def _download(self, url: str) -> bytes:
        return self.room.storage.objects[url.removeprefix("memory://get/").partition("#")[0]][0]


@pytest.fixture
def node() -> Node:
    return Node()


def test_a_release_is_fetched_once_and_opened_once(node: Node) -> None:
    manifest = node.push()
    node.sync.bring(manifest.release)
    assert node.warden.releases() == {"upscaler@1": manifest.etag}
    node.warden.checks.clear()
    node.warden.storage = lambda _url: pytest.fail("it is there already")
    node.sync.bring(manifest.release)


def test_what_does_not_open_is_not_served(node: Node) -> None:
    manifest = node.push()
    node.warden.checks["upscaler@1"] = {"inputs": [], "outputs": [], "problems": ["no graph in it"]}
    with pytest.raises(Refused, match="no graph in it"):
        node.sync.bring(manifest.release)
    with pytest.raises(Refused, match="no graph in it"):
        node.sync.bring(manifest.release)


def test_what_takes_other_tensors_than_its_manifest_says_is_not_served(node: Node) -> None:
    manifest = node.push()
    tensor = {"name": "x", "datatype": "INT8", "dims": [3, -1, -1]}
    node.warden.checks["upscaler@1"] = {**node.warden.checks["upscaler@1"], "inputs": [tensor]}
    with pytest.raises(Refused, match=r"x is INT8 \[3, -1, -1\] in the file"):
        node.sync.bring(manifest.release)


def test_where_nobody_can_look_triton_is_the_first(node: Node) -> None:
    manifest = node.push()
    nothing = {"inputs": [], "outputs": [], "problems": [], "unopened": "onnx not installed here"}
    node.warden.checks["upscaler@1"] = nothing
    node.sync.bring(manifest.release)


def test_what_was_never_pushed_cannot_be_brought(node: Node) -> None:
    with pytest.raises(ModelNotFound):
        node.sync.bring(Release("upscaler", 7))


def test_what_is_deleted_leaves_the_instance_once_it_is_not_resident(node: Node) -> None:
    kept, gone = node.push(), node.push(labels=b"cat")
    for manifest in (kept, gone):
        node.sync.bring(manifest.release)
    node.room.parts.delete.delete(gone.release)
    node.room.residency.note(HERE, Resident(gone.release.name, ResidentState.READY))
    node.sync.tick()
    assert set(node.warden.releases()) == {"upscaler@1", "upscaler@2"}
    node.room.residency.note(HERE, Resident(gone.release.name, ResidentState.UNLOADED))
    node.sync.tick()
    assert set(node.warden.releases()) == {"upscaler@1"}
