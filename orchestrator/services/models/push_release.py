"""Push a release: say what is in it, send its files straight to storage, and have them proven (ADR 0047)."""

from dataclasses import dataclass

from orchestrator.domain.errors import FieldError, InputNotFound, UploadIncomplete, UploadNotFound
from orchestrator.domain.manifest import Manifest
from orchestrator.domain.model import ModelNotFound, Release
from orchestrator.domain.model_config import lint
from orchestrator.domain.push import PUSH_LIMITS, Push, PushedFile, PushLimits, find_flaws, folder_of, placed_path
from orchestrator.domain.release_errors import ReleaseRefused
from orchestrator.domain.upload import UPLOAD_SIZES, UploadSizes
from orchestrator.ports.model_files import ModelConfigs
from orchestrator.ports.parts import PartStorage
from orchestrator.ports.releases import ReleaseRegister, Releases
from orchestrator.ports.storage import ObjectInfo, ObjectStorage, SignedUrl

BYTES = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class FileState:
    """A file of a push. It is there; or it is to be PUT to ``signed``, or in parts, of which ``parts`` are missing.

    A part is ``part_bytes`` long, all but the last.
    """

    file: PushedFile
    is_there: bool = False
    signed: SignedUrl | None = None
    part_bytes: int = 0
    parts: tuple[tuple[int, SignedUrl], ...] = ()


@dataclass(frozen=True, slots=True)
class PushState:
    """How far a push has come; with ``manifest`` it is a release, and nothing is missing."""

    release: Release
    files: tuple[FileState, ...] = ()
    manifest: Manifest | None = None


@dataclass(frozen=True, slots=True)
class PushRelease:
    """Storage alone knows what has come: every call may be repeated, by another process as well."""

    register: ReleaseRegister
    releases: Releases
    storage: ObjectStorage
    parts: PartStorage
    configs: ModelConfigs
    url_expires_s: float
    limits: PushLimits = PUSH_LIMITS
    sizes: UploadSizes = UPLOAD_SIZES

    def begin(self, push: Push, *, version: int | None = None) -> PushState:
        """Give it a version, and say what to send. Again says what is missing still.

        Raises:
            ReleaseRefused: nothing of the kind can become a release.
            ReleaseExists: ``version`` belongs to another push.
            Unavailable: try again.
        """
        flaws = (*find_flaws(push, self.limits), *self._flaws_of_config(push.config))
        if flaws:
            raise ReleaseRefused(fields=flaws)
        return self.look(self.register.reserve(push, version=version))

    def look(self, release: Release) -> PushState:
        """How far it has come.

        Raises:
            ModelNotFound: nobody has begun it.
        """
        try:
            return PushState(release, manifest=self.releases.find(release))
        except ModelNotFound:
            push = self.register.pushed(release)
        return PushState(release, tuple(self._state(release, file) for file in push.files))

    def assemble(self, release: Release) -> Push:
        """Make objects of the files that came in parts.

        Raises:
            ModelNotFound: as `look`.
            UploadIncomplete: files are missing, or parts of them.
        """
        push = self.register.pushed(release)
        missing = [file.path for file in push.files if not self._is_whole(release, file)]
        if missing:
            raise UploadIncomplete(f"not everything has come: {', '.join(missing)}")
        return push

    def _flaws_of_config(self, text: str) -> tuple[FieldError, ...]:
        if not text:
            return ()
        flaws = lint(self.configs.parse(text))
        return tuple(FieldError("config", flaw.message) for flaw in flaws if flaw.is_grave)

    def _state(self, release: Release, file: PushedFile) -> FileState:
        if file.origin or self._find(release, file):
            return FileState(file, is_there=True)
        key, size_bytes, expires_s = _key(release, file), file.size_bytes, self.url_expires_s
        part_bytes = self.sizes.part_bytes_of(size_bytes)
        if not part_bytes:
            signed = self.storage.sign_put(
                key, content_type=BYTES, size_bytes=size_bytes, expires_s=expires_s, only_new=True
            )
            return FileState(file, signed=signed)
        parts_id = self._begun(key) or self.parts.begin(key, content_type=BYTES)
        arrived = {part.number: part.size_bytes for part in self.parts.list_parts(key, parts_id)}
        sizes = {at + 1: min(part_bytes, size_bytes - at * part_bytes) for at in range(-(-size_bytes // part_bytes))}
        missing = tuple(
            (
                number,
                self.parts.sign_part(key, parts_id, number=number, size_bytes=length, expires_s=expires_s),
            )
            for number, length in sizes.items()
            if arrived.get(number) != length
        )
        return FileState(file, part_bytes=part_bytes, parts=missing)

    def _is_whole(self, release: Release, file: PushedFile) -> bool:
        if file.origin or self._find(release, file):
            return True
        key = _key(release, file)
        parts_id = self._begun(key)
        if not parts_id:
            return False
        try:
            parts = self.parts.list_parts(key, parts_id)
            if sum(part.size_bytes for part in parts) != file.size_bytes:
                return False
            self.parts.complete(key, parts_id, parts=parts)
        except UploadNotFound:  # somebody else has just completed it
            pass
        return self._find(release, file) is not None

    def _find(self, release: Release, file: PushedFile) -> ObjectInfo | None:
        """What has come of it. What has not even its size makes room for the right one."""
        try:
            found = self.storage.head(_key(release, file))
        except InputNotFound:
            return None
        if found.size_bytes == file.size_bytes:
            return found
        self.storage.delete(found.key)
        return None

    def _begun(self, key: str) -> str | None:
        return next((begun.parts_id for begun in self.parts.unfinished(key) if begun.key == key), None)


def _key(release: Release, file: PushedFile) -> str:
    return folder_of(release) + placed_path(file.path, release.version)
