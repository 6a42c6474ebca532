"""Objects in S3 or R2. Keys are ours, built from ids; values are streamed, never held whole."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What the store says of an object. The etag changes whenever the bytes do."""

    key: str
    size_bytes: int
    etag: str
    content_type: str


@dataclass(frozen=True, slots=True)
class SignedUrl:
    """A URL that needs no key until it expires, and the headers that must be sent with it."""

    url: str
    headers: Mapping[str, str]
    expires_at_s: float


class ObjectStorage(Protocol):
    """One bucket."""

    def check(self) -> None:
        """Return when the bucket can be used. Answers within seconds, for readiness.

        Raises:
            Unavailable: the store cannot be reached, or asks for a pause.
            Refused: there is no such bucket, or the store does not let us.
        """
        ...

    def head(self, key: str) -> ObjectInfo:
        """What is there now.

        Raises:
            InputNotFound: there is no such object.
            Unavailable: the store cannot be reached, or asks for a pause.
            Refused: the store does not let us.
        """
        ...

    def fetch(self, key: str, destination: Path, *, etag: str, limit_bytes: int) -> ObjectInfo:
        """Stream the object into the new file ``destination``.

        Raises:
            InputNotFound: there is no such object.
            InputChanged: it is not the one with ``etag`` any more.
            MediaTooLarge: it has more than ``limit_bytes``; nothing is left at ``destination``.
            Unavailable, Refused: as for `head`.
        """
        ...

    def store(self, source: Path, key: str, *, content_type: str) -> ObjectInfo:
        """Put the file at ``key``, in parts if it is large. Repeating it is harmless: keys are never reused.

        Raises:
            Unavailable, Refused: as for `head`.
        """
        ...

    def put(self, content: bytes, key: str, *, content_type: str) -> ObjectInfo:
        """Put a small value at ``key``. Otherwise as `store`.

        Raises:
            Unavailable, Refused: as for `head`.
        """
        ...

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Every object under ``prefix``, in key order; ``content_type`` is empty here."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object; one that is not there is removed already."""
        ...

    def sign_put(self, key: str, *, content_type: str, size_bytes: int, expires_s: float) -> SignedUrl:
        """A URL for one PUT of an object with this type and size."""
        ...

    def sign_get(self, key: str, *, expires_s: float, filename: str) -> SignedUrl:
        """A URL to read the object, offered to browsers as ``filename``."""
        ...
