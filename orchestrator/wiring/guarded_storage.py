"""Object storage that asks the breaker of R2 first. URLs are signed without asking: that takes no call."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.domain.breaker import R2, AccessDenied
from orchestrator.domain.errors import Category, Refused
from orchestrator.ports.breakers import Breakers, passing
from orchestrator.ports.storage import KeepGoing, ObjectInfo, ObjectStorage, SignedUrl, go_on


@dataclass(frozen=True, slots=True)
class GuardedStorage:
    """Implements `ports.storage.ObjectStorage` around another."""

    storage: ObjectStorage
    breakers: Breakers

    def check(self) -> None:
        self.storage.check()

    def head(self, key: str) -> ObjectInfo:
        with self._asked():
            return self.storage.head(key)

    def fetch(
        self, key: str, destination: Path, *, etag: str, limit_bytes: int, keep_going: KeepGoing = go_on
    ) -> ObjectInfo:
        with self._asked():
            return self.storage.fetch(key, destination, etag=etag, limit_bytes=limit_bytes, keep_going=keep_going)

    def store(self, source: Path, key: str, *, content_type: str, keep_going: KeepGoing = go_on) -> ObjectInfo:
        with self._asked():
            return self.storage.store(source, key, content_type=content_type, keep_going=keep_going)

    def put(self, content: bytes, key: str, *, content_type: str) -> ObjectInfo:
        with self._asked():
            return self.storage.put(content, key, content_type=content_type)

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        with self._asked():
            yield from self.storage.list(prefix, after=after)

    def delete(self, key: str) -> None:
        with self._asked():
            self.storage.delete(key)

    def sign_put(
        self, key: str, *, content_type: str, size_bytes: int, expires_s: float, only_new: bool = False
    ) -> SignedUrl:
        return self.storage.sign_put(
            key, content_type=content_type, size_bytes=size_bytes, expires_s=expires_s, only_new=only_new
        )

    def sign_get(self, key: str, *, expires_s: float, filename: str) -> SignedUrl:
        return self.storage.sign_get(key, expires_s=expires_s, filename=filename)

    @contextmanager
    def _asked(self) -> Iterator[None]:
        with passing(self.breakers, R2), self._denials_confirmed():
            yield

    @contextmanager
    def _denials_confirmed(self) -> Iterator[None]:
        """Some stores deny what does not exist: only who may not even look at the bucket has lost his credentials."""
        try:
            yield
        except AccessDenied as error:
            self.storage.check()
            message = "the object store refused the call"
            raise Refused(message, service=error.service, category=Category.INTERNAL) from error
