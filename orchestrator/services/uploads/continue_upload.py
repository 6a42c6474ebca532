"""Continue an upload: what a client does between the offer and the finished object, also after a break."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from orchestrator.domain.errors import InputNotFound, InvalidParams, UploadComplete, UploadIncomplete, UploadNotFound
from orchestrator.domain.project import Project
from orchestrator.domain.upload import Part, Upload
from orchestrator.ports.parts import PartStorage
from orchestrator.ports.storage import ObjectInfo, ObjectStorage, SignedUrl
from orchestrator.ports.uploads import UploadLog, Uploads


@dataclass(frozen=True, slots=True)
class UploadState:
    """How far an upload has come: the parts that the store has, or the object that it became."""

    upload: Upload
    parts: tuple[Part, ...] = ()
    found: ObjectInfo | None = None


@dataclass(frozen=True, slots=True)
class ContinueUpload:
    """The store alone knows what has come; nothing of it is kept here. Every call may be repeated.

    Each raises:
        UploadNotFound: the project has no such upload, or no longer.
        Unavailable: try again.
    """

    storage: ObjectStorage
    parts: PartStorage
    log: UploadLog
    uploads: Uploads
    url_expires_s: float

    def look(self, project: Project, upload_id: str) -> UploadState:
        """What is there, so that a client sends the rest."""
        upload = self.uploads.find(project.slug, upload_id)
        if upload.parts_id:
            try:
                return UploadState(upload, self.parts.list_parts(upload.key, upload.parts_id))
            except UploadNotFound:
                found = self._find_object(upload)
                if found is None:  # aborted behind our back, as stores do after some days
                    raise
                return UploadState(upload, found=found)
        return UploadState(upload, found=self._find_object(upload))

    def sign(self, project: Project, upload_id: str, *, numbers: Sequence[int]) -> tuple[tuple[int, SignedUrl], ...]:
        """A URL for each of these parts, signed for exactly its size.

        Raises:
            InvalidParams: the upload has no parts, or no such parts.
        """
        upload = self.uploads.find(project.slug, upload_id)
        if not upload.parts_id:
            raise InvalidParams("the upload goes in one piece: PUT it to its own url")
        return tuple((number, self._signed(upload, number)) for number in numbers)

    def complete(self, project: Project, upload_id: str) -> UploadState:
        """Make the object of its parts; of an upload in one piece, see that it is there.

        Raises:
            UploadIncomplete: something is missing; nothing was changed.
        """
        state = self.look(project, upload_id)
        upload, found = state.upload, state.found
        if upload.parts_id and found is None:
            found = self._assemble(upload, state.parts)
        if found is None or found.size_bytes != upload.size_bytes:
            raise UploadIncomplete("the file is not there")
        return UploadState(upload, found=found)

    def abort(self, project: Project, upload_id: str) -> None:
        """Throw away what has come.

        Raises:
            UploadComplete: it is an object already, and tasks may use it.
        """
        state = self.look(project, upload_id)
        if state.found is not None:
            raise UploadComplete
        if state.upload.parts_id:
            self.parts.abort(state.upload.key, state.upload.parts_id)
            self.log.give_back(state.upload.key)  # not for one piece: its URL outlives this call
        self.uploads.close(upload_id)

    def _assemble(self, upload: Upload, parts: tuple[Part, ...]) -> ObjectInfo | None:
        """The object of the parts. Somebody else may complete it at the same moment: then they go, and it is there."""
        try:
            upload.require_whole(parts)
        except UploadIncomplete:
            found = self._find_object(upload)
            if found is None:
                raise
            return found
        with suppress(UploadNotFound):
            self.parts.complete(upload.key, upload.parts_id, parts=parts)
        return self._find_object(upload)

    def _signed(self, upload: Upload, number: int) -> SignedUrl:
        size_bytes = upload.size_of_part(number)
        return self.parts.sign_part(
            upload.key, upload.parts_id, number=number, size_bytes=size_bytes, expires_s=self.url_expires_s
        )

    def _find_object(self, upload: Upload) -> ObjectInfo | None:
        try:
            return self.storage.head(upload.key)
        except InputNotFound:
            return None
