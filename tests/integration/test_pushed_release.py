"""A pushed release, served: from the real store through the real warden into the real Triton, and out again."""

import hashlib
import secrets
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import servers
from fakes_residency import FakeResidency
from storage_room import put_signed

from orchestrator.adapters.s3_storage import S3Parts, S3Storage
from orchestrator.adapters.triton.control import TritonControl
from orchestrator.adapters.triton.engine import TritonEngine
from orchestrator.adapters.triton_warden import TritonWarden
from orchestrator.domain.errors import Refused
from orchestrator.domain.manifest import Manifest
from orchestrator.domain.push import Push, PushedFile
from orchestrator.services.models.sync_release import SyncRelease
from orchestrator.wiring.releases import ReleaseParts, ReleaseStorage, build_releases

MODELS = Path(__file__).resolve().parents[2] / "model_repository"


@pytest.fixture
def releases(r2_server: servers.SeaweedFs) -> ReleaseParts:
    address = r2_server.address
    return build_releases(ReleaseStorage(S3Storage(address), S3Parts(address), 60), FakeResidency())


@pytest.fixture
def sync(releases: ReleaseParts, triton_server: servers.Triton) -> SyncRelease:
    warden = TritonWarden(triton_server.warden_url, control_key=triton_server.control_key)
    return SyncRelease(triton_server.grpc, releases.releases, warden, FakeResidency())


def push(releases: ReleaseParts, model: str, *, files: Mapping[str, bytes]) -> Manifest:
    """As a client does it."""
    told = tuple(PushedFile(path, len(body), hashlib.sha256(body).hexdigest()) for path, body in files.items())
    state = releases.push.begin(Push(model, told))
    for file in state.files:
        assert file.signed
        sent = put_signed(file.signed.url, content=files[file.file.path], headers=file.signed.headers)
        assert sent.is_success
    return releases.prove.prove(state.release, releases.push.assemble(state.release))


def test_what_was_pushed_answers_under_its_version_and_leaves_when_it_is_deleted(
    releases: ReleaseParts, sync: SyncRelease, triton_server: servers.Triton
) -> None:
    model = f"pushed-{secrets.token_hex(4)}"
    manifest = push(releases, model, files={"model.onnx": (MODELS / "echo" / "1" / "model.onnx").read_bytes()})
    release = manifest.release
    sync.bring(release)
    assert sync.warden.releases()[release.name] == manifest.etag
    control = TritonControl(triton_server.grpc, control_key=triton_server.control_key)
    control.load(release.name)
    given = np.array([[1, 2, 3]], np.uint8)
    inference = TritonEngine(triton_server.grpc).submit(release.name, {"input": given}, outputs=("output",))
    assert inference.result(10)["output"].tolist() == given.tolist()
    assert inference.version == str(release.version)
    control.unload(release.name)
    releases.delete.delete(release)
    sync.tick()
    assert release.name not in sync.warden.releases()


def test_what_only_looks_like_a_model_is_found_out_before_it_is_loaded(
    releases: ReleaseParts, sync: SyncRelease
) -> None:
    """Its header is right, and its one node is of a kind that nobody knows: only who opens it can tell."""
    body = (MODELS / "echo" / "1" / "model.onnx").read_bytes()
    spoiled = body.replace(b"Identity", b"Identitx")
    assert spoiled != body
    manifest = push(releases, f"pushed-{secrets.token_hex(4)}", files={"model.onnx": spoiled})
    with pytest.raises(Refused, match="cannot be served"):
        sync.bring(manifest.release)
