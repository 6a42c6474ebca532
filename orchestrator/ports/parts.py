"""Objects that come in parts, over presigned URLs. A key and the store's name for the attempt say which."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from orchestrator.domain.upload import Part
from orchestrator.ports.storage import SignedUrl


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An object that was begun in parts and is not there yet."""

    key: str
    parts_id: str
    age_s: float


class PartStorage(Protocol):
    """One bucket. Every call raises `Unavailable` and `Refused` as `ObjectStorage.head` does."""

    def begin(self, key: str, *, content_type: str) -> str:
        """Begin an object of this type; the store's name for it."""
        ...

    def sign_part(self, key: str, parts_id: str, *, number: int, size_bytes: int, expires_s: float) -> SignedUrl:
        """A URL for one PUT of part ``number`` with this size. A part may be put again."""
        ...

    def list_parts(self, key: str, parts_id: str) -> tuple[Part, ...]:
        """What has come, by number.

        Raises:
            UploadNotFound: it was completed or aborted, or never begun.
        """
        ...

    def complete(self, key: str, parts_id: str, *, parts: tuple[Part, ...]) -> None:
        """Make the object of these parts.

        Raises:
            UploadNotFound: it was aborted or never begun; some stores say so of one that is completed, too.
        """
        ...

    def abort(self, key: str, parts_id: str) -> None:
        """Throw the parts away; what is not there is gone already."""
        ...

    def unfinished(self, prefix: str) -> Iterator[Unfinished]:
        """Everything under ``prefix`` that was begun and neither completed nor aborted, aged by the store's clock."""
        ...
