"""Objects in S3 or R2. Keys are ours, built from ids; values are streamed, never held whole."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

KeepGoing = Callable[[], None]
FALLBACK = "fallback"


def go_on() -> None:
    """The `KeepGoing` of who is never stopped. Another raises when the work must end."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What the store says of an object. The etag changes whenever the bytes do.

    ``sha256`` is empty where nobody has said or seen it. ``store`` names the store if it is not the usual one.
    ``age_s`` is told by `ObjectStorage.list` alone, by the store's clock.
    """

    key: str
    size_bytes: int
    etag: str
    content_type: str
    sha256: str = ""
    store: str = ""
    age_s: float = field(default=0.0, compare=False)


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
            Unavailable: the store cannot be reached, or asks for a pause; `AccessDenied`: it does not know our keys.
            Refused: there is no such bucket.
        """
        ...

    def head(self, key: str) -> ObjectInfo:
        """What is there now.

        Raises:
            InputNotFound: there is no such object.
            Unavailable: the store cannot be reached, asks for a pause, or (`AccessDenied`) does not let us.
            Refused: another try meets the same.
        """
        ...

    def fetch(
        self, key: str, destination: Path, *, etag: str, limit_bytes: int, keep_going: KeepGoing = go_on
    ) -> ObjectInfo:
        """Stream the object, however large, into the new file ``destination``; the SHA-256 is of what came.

        ``keep_going`` is called now and then, also by other threads. Nothing is left at ``destination`` after an error.

        Raises:
            InputNotFound: there is no such object.
            InputChanged: it is not the one with ``etag`` any more.
            MediaTooLarge: it has more than ``limit_bytes``.
            Unavailable: as for `head`; or other bytes came than were stored.
            Refused: as for `head`.
        """
        ...

    def store(self, source: Path, key: str, *, content_type: str, keep_going: KeepGoing = go_on) -> ObjectInfo:
        """Create the object of this file, however large; the SHA-256 is of what was sent.

        If just these bytes are at ``key`` already, they are the object: storing again is harmless. ``keep_going`` is
        called now and then, also by other threads. After an error nothing is left half done; what a killed process
        leaves is listed by `PartStorage.unfinished`.

        Raises:
            Unavailable: as for `head`.
            Refused: as for `head`; or another object is at ``key`` (`object_exists`), which stays.
        """
        ...

    def put(self, content: bytes, key: str, *, content_type: str) -> ObjectInfo:
        """Create an object of a small value. Otherwise as `store`."""
        ...

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        """Every object under ``prefix`` after the key ``after``, in key order; ``content_type`` is empty here."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object; one that is not there is removed already."""
        ...

    def sign_put(
        self, key: str, *, content_type: str, size_bytes: int, expires_s: float, only_new: bool = False
    ) -> SignedUrl:
        """A URL for one PUT of an object with this type and size; ``only_new``: where no object is, and none else."""
        ...

    def sign_get(self, key: str, *, expires_s: float, filename: str) -> SignedUrl:
        """A URL to read the object, offered to browsers as ``filename``."""
        ...
