"""What a request sends: bytes in memory, or a stretch of a file that is read while it is sent."""

import hashlib
import io
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from orchestrator.ports.storage import KeepGoing, go_on

# Time is limited for each chunk and not for the body: a large one over a slow link takes long and is not broken.
# Between two of them a stop is heard.
SENT_BYTES = 64 * 1024
READ_BYTES = 1024**2


@dataclass(frozen=True)
class Body:
    """``chunks``, of a given size, can be read again for another try, and are never held whole."""

    size_bytes: int
    chunks: Callable[[int], Iterator[bytes]]
    keep_going: KeepGoing

    @cached_property
    def digest(self) -> bytes:
        """Its SHA-256, by which the store knows whether it got what was sent."""
        digest = hashlib.sha256()
        for chunk in self.chunks(READ_BYTES):
            digest.update(chunk)
        return digest.digest()

    @property
    def checksum(self) -> str:
        """The digest as S3 writes it."""
        return b64encode(self.digest).decode()

    def sent(self) -> Iterator[bytes]:
        for chunk in self.chunks(SENT_BYTES):
            self.keep_going()
            yield chunk

    def opened(self) -> io.BytesIO:
        """All of it in memory, as boto3 wants it."""
        return _Heard(self)


class _Heard(io.BytesIO):
    """Hears of a stop while it is sent."""

    def __init__(self, body: Body) -> None:
        super().__init__(b"".join(body.chunks(READ_BYTES)))
        self._keep_going = body.keep_going

    def read(self, size: int | None = -1) -> bytes:
        self._keep_going()
        return super().read(size)


def body_of(content: bytes) -> Body:
    def chunks(most_bytes: int) -> Iterator[bytes]:
        return (content[start : start + most_bytes] for start in range(0, len(content), most_bytes))

    return Body(len(content), chunks, go_on)


def stretch_of(source: Path, *, start: int, size_bytes: int, keep_going: KeepGoing) -> Body:
    def chunks(most_bytes: int) -> Iterator[bytes]:
        left = size_bytes
        with source.open("rb", buffering=0) as file:
            file.seek(start)
            while left and (chunk := file.read(min(most_bytes, left))):
                left -= len(chunk)
                yield chunk

    return Body(size_bytes, chunks, keep_going)
