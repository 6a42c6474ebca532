"""`PartStorage` in memory. It passes the same contract tests as S3 (`contract/test_part_storage.py`)."""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from fakes_storage import MemoryStorage

from orchestrator.domain.errors import UploadNotFound
from orchestrator.domain.upload import Part
from orchestrator.ports.parts import Unfinished
from orchestrator.ports.storage import SignedUrl


@dataclass
class Begun:
    """An object in parts, as far as it has come."""

    key: str
    content_type: str
    at_s: float = field(default_factory=time.monotonic)
    parts: dict[int, bytes] = field(default_factory=dict)


@dataclass
class MemoryParts:
    """Objects that are complete appear in ``storage``; ``age_s`` is added to the age of everything."""

    storage: MemoryStorage
    begun: dict[str, Begun] = field(default_factory=dict)
    age_s: float = 0.0
    _ids: Iterator[int] = field(default_factory=lambda: count(1))

    def begin(self, key: str, *, content_type: str) -> str:
        self.storage.check()
        parts_id = f"parts-{next(self._ids)}"
        self.begun[parts_id] = Begun(key, content_type)
        return parts_id

    def sign_part(self, key: str, parts_id: str, *, number: int, size_bytes: int, expires_s: float) -> SignedUrl:
        url = f"memory://part/{parts_id}/{number}#{key}"
        return SignedUrl(url, {"Content-Length": str(size_bytes)}, time.time() + expires_s)

    def list_parts(self, key: str, parts_id: str) -> tuple[Part, ...]:
        parts = sorted(self._find(key, parts_id).parts.items())
        return tuple(Part(number, len(body), hashlib.sha256(body).hexdigest()) for number, body in parts)

    def complete(self, key: str, parts_id: str, *, parts: tuple[Part, ...]) -> None:
        begun = self._find(key, parts_id)
        self.storage.objects[key] = (b"".join(begun.parts[part.number] for part in parts), begun.content_type)
        del self.begun[parts_id]

    def abort(self, key: str, parts_id: str) -> None:
        self.storage.check()
        assert key
        self.begun.pop(parts_id, None)

    def unfinished(self, prefix: str) -> Iterator[Unfinished]:
        self.storage.check()
        for parts_id, begun in list(self.begun.items()):
            if begun.key.startswith(prefix):
                yield Unfinished(begun.key, parts_id, time.monotonic() - begun.at_s + self.age_s)

    def upload(self, signed: SignedUrl, body: bytes) -> bool:
        """What a client does with the URL of `sign_part`; whether the store takes it."""
        parts_id, _, number = signed.url.removeprefix("memory://part/").partition("#")[0].partition("/")
        accepted = len(body) == int(signed.headers["Content-Length"])
        if accepted:
            self.begun[parts_id].parts[int(number)] = body
        return accepted

    def _find(self, key: str, parts_id: str) -> Begun:
        self.storage.check()
        begun = self.begun.get(parts_id)
        if begun is None or begun.key != key:
            raise UploadNotFound
        return begun
