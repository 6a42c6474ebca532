"""Fetch the input of a run: exactly the bytes that were asked for, and only if they are what the task type opens."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from orchestrator.domain.content import DocumentRef
from orchestrator.domain.errors import InputChanged, InputNotFound, UnsupportedMedia
from orchestrator.domain.media import MediaKind, MediaLimits
from orchestrator.domain.media_format import SNIFFED_BYTES, MediaFormat, accepted, sniff
from orchestrator.domain.media_input import FetchedInput
from orchestrator.domain.task import JsonObject
from orchestrator.ports.content import ContentFiles
from orchestrator.ports.storage import KeepGoing, ObjectStorage
from orchestrator.ports.web import UrlFetcher


@dataclass(frozen=True, slots=True)
class FetchInput:
    """No decoder sees a byte of a file whose beginning is in no format that the type accepts."""

    storage: ObjectStorage
    web: UrlFetcher
    limits: MediaLimits
    content: ContentFiles | None = None

    def fetch(
        self, wanted: JsonObject, destination: Path, *, accepts: frozenset[MediaKind], keep_going: KeepGoing
    ) -> FetchedInput:
        """Stream what the record names to ``destination``. ``keep_going`` raises when the run must end.

        Raises:
            InputNotFound, InputChanged, InputRefused, MediaTooLarge, UnsupportedMedia: another try meets the same.
            Refused: the CMS does not give it to this node.
            Unavailable, Overloaded, StageTimeout: another try may succeed.
        """
        limit_bytes = self.limits.bytes_of(accepts)
        if "url" in wanted:
            file = self.web.fetch(wanted["url"], destination, limit_bytes=limit_bytes, keep_going=keep_going)
            size_bytes, sha256 = file.size_bytes, file.sha256
        elif "payload" in wanted:
            size_bytes, sha256 = self._fetch_document(
                wanted, destination, limit_bytes=limit_bytes, keep_going=keep_going
            )
        else:
            size_bytes, sha256 = self._fetch_object(wanted, destination, limit_bytes=limit_bytes, keep_going=keep_going)
        if wanted.get("sha256", sha256) != sha256:
            raise InputChanged("the input does not have the sha256 that it was submitted with")
        return FetchedInput(destination, _format_of(destination, accepts), size_bytes, sha256)

    def _fetch_object(
        self, wanted: JsonObject, destination: Path, *, limit_bytes: int, keep_going: KeepGoing
    ) -> tuple[int, str]:
        found = self.storage.fetch(
            wanted["object"], destination, etag=wanted["etag"], limit_bytes=limit_bytes, keep_going=keep_going
        )
        if wanted.get("size_bytes", found.size_bytes) != found.size_bytes:
            raise InputChanged
        return found.size_bytes, found.sha256

    def _fetch_document(
        self, wanted: JsonObject, destination: Path, *, limit_bytes: int, keep_going: KeepGoing
    ) -> tuple[int, str]:
        """The file of a document of the CMS, if it has the same one still."""
        if self.content is None:
            raise InputNotFound("this worker knows of no PayloadCMS")
        found = self.content.find(DocumentRef(**wanted["payload"]))
        if any(wanted.get(name) != fact for name, fact in found.pinned.items()):
            raise InputChanged("the document has another file than when the task was submitted")
        self.content.fetch(found, destination, limit_bytes=limit_bytes, keep_going=keep_going)
        with destination.open("rb") as file:
            return destination.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def _format_of(path: Path, accepts: frozenset[MediaKind]) -> MediaFormat:
    with path.open("rb") as file:
        known = sniff(file.read(SNIFFED_BYTES))
    if known is None or not known.kinds & accepts:
        raise UnsupportedMedia(f"the input is none of {accepted(accepts)}")
    return known
