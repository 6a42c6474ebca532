"""Offer an upload: a file goes from the client straight into the project's storage, in one piece or in parts."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.domain.errors import MediaTooLarge
from orchestrator.domain.media import DEFAULT_LIMITS, MediaLimits
from orchestrator.domain.project import Project
from orchestrator.domain.upload import UPLOAD_SIZES, Upload, UploadSizes
from orchestrator.ports.parts import PartStorage
from orchestrator.ports.storage import ObjectStorage, SignedUrl
from orchestrator.ports.uploads import UploadLog, Uploads

NAME_LENGTH = 100
FALLBACK_NAME = "file"
LAST_BYTES_S = 900.0  # what began to arrive in time may still be on its way for so long


@dataclass(frozen=True, slots=True)
class NewUpload:
    """The file that a client wants to upload."""

    filename: str
    content_type: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class UploadOffer:
    """The upload, and where to PUT the file; None when it goes in parts."""

    upload: Upload
    signed: SignedUrl | None


@dataclass(frozen=True, slots=True)
class OfferUpload:
    """Keys are built from our ids; of the client's file name only harmless characters survive."""

    storage: ObjectStorage
    parts: PartStorage
    log: UploadLog
    uploads: Uploads
    new_id: Callable[[str], str]
    url_expires_s: float
    expires_s: float
    limits: MediaLimits = DEFAULT_LIMITS
    sizes: UploadSizes = UPLOAD_SIZES

    def offer(self, project: Project, new: NewUpload) -> UploadOffer:
        """Reserve the bytes, then sign the upload for exactly this type and size, or begin it in parts.

        Raises:
            MediaTooLarge: the file is larger than this node accepts.
            QuotaExceeded: the project would keep more than it may.
            Unavailable: the offer could not be remembered. As after a refusal, nothing was signed.
        """
        if new.size_bytes > self.limits.size_bytes:
            raise MediaTooLarge(f"an upload may have at most {self.limits.size_bytes} bytes")
        upload_id, content_type, size_bytes = self.new_id("upload"), new.content_type, new.size_bytes
        key = f"{project.prefix}uploads/{upload_id}/{safe_name(new.filename)}"
        part_bytes = self.sizes.part_bytes_of(size_bytes)
        ends_in_s = LAST_BYTES_S + (self.expires_s if part_bytes else self.url_expires_s)
        self.log.reserve(key, size_bytes=size_bytes, ends_in_s=ends_in_s)
        parts_id = self.parts.begin(key, content_type=content_type) if part_bytes else ""
        upload = self.uploads.open(
            Upload(upload_id, project.slug, key, content_type, size_bytes, part_bytes=part_bytes, parts_id=parts_id)
        )
        if part_bytes:
            return UploadOffer(upload, signed=None)
        signed = self.storage.sign_put(
            key, content_type=content_type, size_bytes=size_bytes, expires_s=self.url_expires_s
        )
        return UploadOffer(upload, signed)


def safe_name(filename: str) -> str:
    """The last segment of ``filename`` in plain ASCII, its end (and so its suffix) kept when it is too long."""
    last = re.split(r"[/\\]", filename)[-1]
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", last)[-NAME_LENGTH:]
    return plain.lstrip(".-") or FALLBACK_NAME
