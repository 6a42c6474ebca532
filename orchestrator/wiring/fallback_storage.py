"""Object storage with a second one behind it, for files that are made while the first is away (ADR 0040)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import structlog

from orchestrator.domain.breaker import DependencyOpen
from orchestrator.domain.errors import InputNotFound, Unavailable
from orchestrator.ports.storage import FALLBACK, KeepGoing, ObjectInfo, ObjectStorage, SignedUrl, go_on

log = structlog.get_logger()

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FallbackStorage:
    """Implements `ports.storage.ObjectStorage`. A key is the same in both; what is stored says in which one it is.

    Nothing is written to the second one but while the breaker of the first is open. Links are signed for the first.
    """

    storage: ObjectStorage
    fallback: ObjectStorage

    def check(self) -> None:
        self.storage.check()

    def head(self, key: str) -> ObjectInfo:
        return self._read(lambda storage: storage.head(key))

    def fetch(
        self, key: str, destination: Path, *, etag: str, limit_bytes: int, keep_going: KeepGoing = go_on
    ) -> ObjectInfo:
        return self._read(
            lambda storage: storage.fetch(key, destination, etag=etag, limit_bytes=limit_bytes, keep_going=keep_going)
        )

    def store(self, source: Path, key: str, *, content_type: str, keep_going: KeepGoing = go_on) -> ObjectInfo:
        return self._write(lambda storage: storage.store(source, key, content_type=content_type, keep_going=keep_going))

    def put(self, content: bytes, key: str, *, content_type: str) -> ObjectInfo:
        return self._write(lambda storage: storage.put(content, key, content_type=content_type))

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        """Of both, one after the other."""
        yield from self.storage.list(prefix, after=after)
        yield from self.fallback.list(prefix, after=after)

    def delete(self, key: str) -> None:
        self.storage.delete(key)
        self.fallback.delete(key)

    def sign_put(
        self, key: str, *, content_type: str, size_bytes: int, expires_s: float, only_new: bool = False
    ) -> SignedUrl:
        return self.storage.sign_put(
            key, content_type=content_type, size_bytes=size_bytes, expires_s=expires_s, only_new=only_new
        )

    def sign_get(self, key: str, *, expires_s: float, filename: str) -> SignedUrl:
        return self.storage.sign_get(key, expires_s=expires_s, filename=filename)

    def _read(self, read: Callable[[ObjectStorage], T]) -> T:
        """What is in neither is what the first one says of it."""
        try:
            return read(self.storage)
        except (DependencyOpen, InputNotFound) as error:
            try:
                return read(self.fallback)
            except (InputNotFound, Unavailable):
                raise error from None

    def _write(self, write: Callable[[ObjectStorage], ObjectInfo]) -> ObjectInfo:
        """If both are away the task waits for the first, and has used up no try."""
        try:
            return write(self.storage)
        except DependencyOpen as error:
            try:
                stored = write(self.fallback)
            except Unavailable as worse:
                log.warning("fallback.away", error=str(worse))
                raise error from worse
            return replace(stored, store=FALLBACK)
