"""`/v1/uploads`: media goes from the client straight to storage, never through this process."""

from datetime import UTC, datetime
from http import HTTPStatus

from fastapi import APIRouter

from orchestrator.api.deps import Parts, TaskWriter
from orchestrator.api.inputs import UploadBody
from orchestrator.api.problems import WITH_BODY, problem_docs
from orchestrator.api.schemas import UploadView
from orchestrator.services.offer_upload import NewUpload

router = APIRouter(prefix="/v1/uploads", tags=["uploads"])


@router.post("", status_code=HTTPStatus.CREATED, responses=problem_docs(WITH_BODY))
def offer_upload(body: UploadBody, caller: TaskWriter, parts: Parts) -> UploadView:
    """A presigned URL for one PUT of exactly this file."""
    offer = parts.offer_upload.offer(
        caller.project, NewUpload(filename=body.filename, content_type=body.content_type, size_bytes=body.size_bytes)
    )
    return UploadView(
        object=offer.object,
        url=offer.signed.url,
        headers=dict(offer.signed.headers),
        expires_at=datetime.fromtimestamp(offer.signed.expires_at_s, UTC),
    )
