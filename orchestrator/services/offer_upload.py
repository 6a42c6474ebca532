"""Offer an upload: a URL that lets a client put one file straight into the project's storage."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.domain.errors import MediaTooLarge
from orchestrator.domain.media import DEFAULT_LIMITS, MediaLimits
from orchestrator.domain.project import Project
from orchestrator.ports.storage import ObjectStorage, SignedUrl
from orchestrator.ports.uploads import UploadLog

ONE_PUT_BYTES = 5 * 1024**3  # S3 and R2 take no more in one PUT
NAME_LENGTH = 100
FALLBACK_NAME = "file"


@dataclass(frozen=True, slots=True)
class NewUpload:
    """The file that a client wants to upload."""

    filename: str
    content_type: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class UploadOffer:
    """Where to PUT the file, and the key to submit afterwards."""

    object: str
    signed: SignedUrl


@dataclass(frozen=True, slots=True)
class OfferUpload:
    """Keys are built from our ids; of the client's file name only harmless characters survive."""

    storage: ObjectStorage
    uploads: UploadLog
    new_id: Callable[[str], str]
    expires_s: float
    limits: MediaLimits = DEFAULT_LIMITS

    def offer(self, project: Project, upload: NewUpload) -> UploadOffer:
        """Remember the upload, then sign it for exactly this type and size.

        Raises:
            MediaTooLarge: the file is larger than this node accepts.
            Unavailable: the offer could not be remembered; nothing was signed.
        """
        largest = min(self.limits.size_bytes, ONE_PUT_BYTES)
        if upload.size_bytes > largest:
            raise MediaTooLarge(f"an upload may have at most {largest} bytes")
        key = f"{project.prefix}uploads/{self.new_id('upload')}/{safe_name(upload.filename)}"
        self.uploads.track_upload(key)
        signed = self.storage.sign_put(
            key, content_type=upload.content_type, size_bytes=upload.size_bytes, expires_s=self.expires_s
        )
        return UploadOffer(object=key, signed=signed)


def safe_name(filename: str) -> str:
    """The last segment of ``filename`` in plain ASCII, its end (and so its suffix) kept when it is too long."""
    last = re.split(r"[/\\]", filename)[-1]
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", last)[-NAME_LENGTH:]
    return plain.lstrip(".-") or FALLBACK_NAME
