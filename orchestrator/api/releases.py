"""`/v1/models/{model}/releases`: push, list and delete releases of models (ADR 0047)."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path

from orchestrator.api.deps import ModelAdmin, Parts
from orchestrator.api.problems import AUTHENTICATED, OF_ONE_THING, RETRIES, SUBMITS, problem_docs
from orchestrator.api.release_shapes import (
    GoldenBody,
    MissingPartView,
    PictureBody,
    PushBody,
    PushedFileView,
    PushLinks,
    PushView,
    ReleaseFileView,
    ReleaseLinks,
    ReleaseList,
    ReleaseView,
    TensorView,
)
from orchestrator.domain.manifest import Manifest, TensorSpec
from orchestrator.domain.model import Release
from orchestrator.domain.push import MODEL, ListedFolder
from orchestrator.ports.storage import SignedUrl
from orchestrator.services.models.push_release import FileState, PushState

router = APIRouter(prefix="/v1/models/{model}/releases", tags=["releases"])

ModelName = Annotated[str, Path(pattern=rf"^{MODEL}$", examples=["realesrgan_x4"])]
Version = Annotated[int, Path(ge=1, le=10**9, examples=[3])]
WITH_CONFLICT = (*OF_ONE_THING, HTTPStatus.CONFLICT)


@router.post("", status_code=HTTPStatus.CREATED, responses=problem_docs(SUBMITS))
def push_release(caller: ModelAdmin, model: ModelName, body: PushBody, parts: Parts) -> PushView:
    """Say what is to become a release, and hear what to send. Again with the same says what is missing still."""
    prefix, pushed = body.from_prefix, parts.models.releases
    found = pushed.folder.list(caller.project, prefix) if prefix else ListedFolder()
    return render_push(pushed.push.begin(body.parse(model, found), version=body.version))


@router.post("/{version}:complete", responses=problem_docs(RETRIES))
def complete_release(caller: ModelAdmin, model: ModelName, version: Version, parts: Parts) -> ReleaseView:
    """Have everything that was sent proven; then it is a release. Again is harmless.

    While nothing of the model serves, a swap to it begins: `GET /v1/models/{model}/swap` tells how that goes on.
    """
    release, pushed = Release(model, version), parts.models.releases
    manifest = pushed.push.look(release).manifest
    if manifest is None:
        manifest = pushed.prove.prove(release, pushed.push.assemble(release))
    parts.models.swaps.serve_first.serve(release, by=caller.key_id)
    return render_release(manifest)


@router.get("", responses=problem_docs(AUTHENTICATED))
def list_releases(_: ModelAdmin, model: ModelName, parts: Parts) -> ReleaseList:
    """Every release of the model that was pushed whole."""
    return ReleaseList(items=[render_release(manifest) for manifest in parts.models.releases.releases.list(model)])


@router.get("/{version}", responses=problem_docs(OF_ONE_THING))
def get_release(_: ModelAdmin, model: ModelName, version: Version, parts: Parts) -> ReleaseView:
    """One release."""
    return render_release(parts.models.releases.releases.find(Release(model, version)))


@router.delete("/{version}", status_code=HTTPStatus.NO_CONTENT, responses=problem_docs(WITH_CONFLICT))
def delete_release(_: ModelAdmin, model: ModelName, version: Version, parts: Parts) -> None:
    """Delete a release that no instance holds and no task is led to, or a push that was never completed."""
    parts.models.releases.delete.delete(Release(model, version))


def render_release(manifest: Manifest) -> ReleaseView:
    release = manifest.release
    return ReleaseView(
        model=release.model,
        version=release.version,
        name=release.name,
        etag=manifest.etag,
        size_bytes=sum(file.size_bytes for file in manifest.files),
        files=[ReleaseFileView(**asdict(file)) for file in manifest.files],
        config_sha256=manifest.config_sha256,
        inputs=[_render_tensor(tensor) for tensor in manifest.inputs],
        outputs=[_render_tensor(tensor) for tensor in manifest.outputs],
        goldens=[GoldenBody(**asdict(golden)) for golden in manifest.goldens],
        picture=PictureBody(**asdict(manifest.picture)) if manifest.picture else None,
        source=manifest.source,
        licence=manifest.licence,
        links=ReleaseLinks(self=_path_of(release)),
    )


def render_push(state: PushState) -> PushView:
    release, path = state.release, _path_of(state.release)
    expiries = [signed.expires_at_s for file in state.files for signed in _signed(file)]
    return PushView(
        model=release.model,
        version=release.version,
        name=release.name,
        files=[_render_file(file) for file in state.files],
        release=render_release(state.manifest) if state.manifest else None,
        expires_at=datetime.fromtimestamp(min(expiries), UTC) if expiries else None,
        links=PushLinks(self=path, complete=f"{path}:complete"),
    )


def _path_of(release: Release) -> str:
    return f"/v1/models/{release.model}/releases/{release.version}"


def _signed(state: FileState) -> Iterator[SignedUrl]:
    if state.signed:
        yield state.signed
    yield from (signed for _, signed in state.parts)


def _render_file(state: FileState) -> PushedFileView:
    return PushedFileView(
        path=state.file.path,
        size_bytes=state.file.size_bytes,
        is_there=state.is_there,
        url=state.signed.url if state.signed else None,
        headers=dict(state.signed.headers) if state.signed else {},
        parts=[
            MissingPartView(
                number=number,
                begin=(number - 1) * state.part_bytes,
                size_bytes=int(signed.headers["Content-Length"]),
                url=signed.url,
                headers=dict(signed.headers),
            )
            for number, signed in state.parts
        ],
    )


def _render_tensor(tensor: TensorSpec) -> TensorView:
    return TensorView(name=tensor.name, datatype=tensor.datatype, dims=list(tensor.dims))
