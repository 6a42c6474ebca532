"""Makes large JSON small."""

from collections.abc import Iterator
from typing import BinaryIO, Protocol


class Compression(Protocol):
    """One format, with a checksum of its own."""

    def compress(self, content: bytes) -> bytes: ...

    def expand(self, file: BinaryIO) -> Iterator[bytes]:
        """What was compressed into ``file``, piece by piece.

        Raises:
            Unavailable: it is damaged; the pieces until there were given.
        """
        ...
