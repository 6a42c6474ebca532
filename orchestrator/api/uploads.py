"""`/v1/uploads`: media goes from the client straight to storage, never through this process."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path

from orchestrator.api.deps import Parts, TaskReader, TaskWriter
from orchestrator.api.problems import OF_ONE_THING, WITH_BODY, problem_docs
from orchestrator.api.upload_schemas import (
    PartsBody,
    PartUrlList,
    PartUrlView,
    PartView,
    UploadBody,
    UploadStateView,
    UploadView,
)
from orchestrator.ports.storage import SignedUrl
from orchestrator.services.uploads.continue_upload import UploadState
from orchestrator.services.uploads.offer_upload import NewUpload, UploadOffer

router = APIRouter(prefix="/v1/uploads", tags=["uploads"])

UploadId = Annotated[str, Path(pattern=r"^[a-z0-9_]{1,64}$", examples=["upload_01kb2n9x6c8q4v7t3m5w1z0hds"])]
WITH_CONFLICT = (*OF_ONE_THING, HTTPStatus.CONFLICT)


@router.post("", status_code=HTTPStatus.CREATED, responses=problem_docs(WITH_BODY))
def offer_upload(body: UploadBody, caller: TaskWriter, parts: Parts) -> UploadView:
    """A presigned URL for one PUT of exactly this file, or, above 100 MB, an upload in parts."""
    new = NewUpload(filename=body.filename, content_type=body.content_type, size_bytes=body.size_bytes)
    return _render_offer(parts.offer_upload.offer(caller.project, new))


@router.get("/{upload_id}", responses=problem_docs(OF_ONE_THING))
def look(upload_id: UploadId, caller: TaskReader, parts: Parts) -> UploadStateView:
    """What has arrived: after a break, send the rest."""
    return _render_state(parts.continue_upload.look(caller.project, upload_id))


@router.post("/{upload_id}/parts", responses=problem_docs((*WITH_BODY, HTTPStatus.NOT_FOUND)))
def sign_parts(upload_id: UploadId, body: PartsBody, caller: TaskWriter, parts: Parts) -> PartUrlList:
    """A presigned URL for each of these parts. A part may be sent again: the last one counts."""
    signed = parts.continue_upload.sign(caller.project, upload_id, numbers=body.numbers)
    return PartUrlList(items=[_render_part(number, url) for number, url in signed])


@router.post("/{upload_id}/complete", responses=problem_docs(WITH_CONFLICT))
def complete(upload_id: UploadId, caller: TaskWriter, parts: Parts) -> UploadStateView:
    """Make the object of its parts. Again is harmless; of a file in one piece it says whether it is there."""
    return _render_state(parts.continue_upload.complete(caller.project, upload_id))


@router.delete("/{upload_id}", status_code=HTTPStatus.NO_CONTENT, responses=problem_docs(WITH_CONFLICT))
def abort(upload_id: UploadId, caller: TaskWriter, parts: Parts) -> None:
    """Throw away what has arrived of an unfinished upload."""
    parts.continue_upload.abort(caller.project, upload_id)


def _render_offer(offer: UploadOffer) -> UploadView:
    upload, signed = offer.upload, offer.signed
    return UploadView(
        id=upload.id,
        object=upload.key,
        url=signed.url if signed else None,
        headers=dict(signed.headers) if signed else {},
        expires_at=_instant(signed.expires_at_s if signed else upload.expires_at_s),
        part_size_bytes=upload.part_bytes or None,
        part_count=upload.part_count or None,
    )


def _render_part(number: int, signed: SignedUrl) -> PartUrlView:
    return PartUrlView(
        number=number,
        size_bytes=int(signed.headers["Content-Length"]),
        url=signed.url,
        headers=dict(signed.headers),
        expires_at=_instant(signed.expires_at_s),
    )


def _render_state(state: UploadState) -> UploadStateView:
    upload, found = state.upload, state.found
    return UploadStateView(
        id=upload.id,
        object=upload.key,
        is_complete=found is not None,
        content_type=upload.content_type,
        size_bytes=upload.size_bytes,
        etag=found.etag if found else None,
        expires_at=_instant(upload.expires_at_s),
        part_size_bytes=upload.part_bytes or None,
        part_count=upload.part_count or None,
        parts=[PartView(number=part.number, size_bytes=part.size_bytes, etag=part.etag) for part in state.parts],
    )


def _instant(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
