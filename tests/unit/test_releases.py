"""What releases promise (`ports/releases.py`), and who may delete one."""

import hashlib

import pytest
from push_room import CONFIG, MODEL, PushRoom, push_of

from orchestrator.domain.errors import Refused
from orchestrator.domain.manifest import Manifest
from orchestrator.domain.model import Instance, ModelNotFound, Release, Resident, ResidentState
from orchestrator.domain.release_errors import ReleaseExists, ReleaseInUse


@pytest.fixture
def room() -> PushRoom:
    return PushRoom()


def test_what_was_never_completed_is_no_release(room: PushRoom) -> None:
    state = room.parts.push.begin(push_of({"model.onnx": MODEL}))
    with pytest.raises(ModelNotFound):
        room.parts.releases.find(state.release)
    assert room.parts.releases.list() == ()


def test_releases_are_listed_by_name_and_version(room: PushRoom) -> None:
    made = [room.push({"model.onnx": MODEL, "labels.txt": b"%d" % n}) for n in range(11)]
    other = room.push({"model.onnx": MODEL}, model="another")
    assert room.parts.releases.list("upscaler") == tuple(made)
    assert room.parts.releases.list() == (other, *made)
    assert [manifest.release.name for manifest in made][:2] == ["upscaler@1", "upscaler@2"]


def test_a_manifest_says_all_of_a_release(room: PushRoom) -> None:
    manifest = room.push({"model.onnx": MODEL, "warmup/a.npz": b"npz"}, config=CONFIG)
    assert manifest == room.parts.releases.find(Release("upscaler", 1)) == Manifest.parse(manifest.render())
    assert [file.path for file in manifest.files] == ["1/model.onnx", "config.pbtxt", "warmup/a.npz"]
    config = room.parts.releases.read(manifest, "config.pbtxt")
    assert b'name: "upscaler@1"' in config
    assert manifest.config_sha256 == hashlib.sha256(config).hexdigest()
    assert set(room.parts.releases.links(manifest)) == {file.path for file in manifest.files}


def test_a_file_that_is_not_what_the_manifest_says_is_not_read(room: PushRoom) -> None:
    manifest = room.push({"model.onnx": MODEL, "labels.txt": b"cat"})
    room.storage.objects["models/upscaler/1/labels.txt"] = (b"dog", "text/plain")
    with pytest.raises(Refused):
        room.parts.releases.read(manifest, "labels.txt")
    with pytest.raises(ModelNotFound):
        room.parts.releases.read(manifest, "nothing.txt")


def test_a_version_is_given_once(room: PushRoom) -> None:
    first = room.push({"model.onnx": MODEL}).release
    room.parts.delete.delete(first)
    with pytest.raises(ReleaseExists):
        room.parts.push.begin(push_of({"model.onnx": MODEL, "labels.txt": b"x"}), version=first.version)
    assert room.push({"model.onnx": MODEL}).release == first


def test_two_that_push_at_once_have_two_versions(room: PushRoom) -> None:
    """The second has looked before the first wrote: it tries again."""
    register = room.parts.push.register
    listed = list(room.storage.list("models/"))
    one = register.reserve(push_of({"model.onnx": MODEL}), version=None)
    assert not listed
    two = register.reserve(push_of({"model.onnx": MODEL, "labels.txt": b"x"}), version=None)
    assert (one.version, two.version) == (1, 2)


def test_what_an_instance_holds_is_not_deleted(room: PushRoom) -> None:
    release = room.push({"model.onnx": MODEL}).release
    room.residency.note_instance(Instance("gpu-1:8001"))
    room.residency.note("gpu-1:8001", Resident(release.name, ResidentState.READY))
    with pytest.raises(ReleaseInUse, match="gpu-1:8001"):
        room.parts.delete.delete(release)
    room.residency.forget("gpu-1:8001", release.name)
    room.residency.route("upscaler", {release.name: 100})
    with pytest.raises(ReleaseInUse, match="led to"):
        room.parts.delete.delete(release)
    room.residency.route("upscaler", {})
    room.parts.delete.delete(release)
    assert list(room.storage.objects) == ["models/upscaler/1/push.json"]
    with pytest.raises(ModelNotFound):
        room.parts.delete.delete(Release("upscaler", 9))
