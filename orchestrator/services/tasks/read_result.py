"""Read a result that is too large for a record, as it is stored or expanded, in bounded memory."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO

from orchestrator.domain.errors import InputNotFound, NotFound
from orchestrator.domain.stored_result import StoredResult
from orchestrator.pipelines.local_copy import local_copy
from orchestrator.ports.compression import Compression
from orchestrator.ports.storage import ObjectStorage

CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class ReadResult:
    """Everything is fetched before the first byte is given: an answer that has begun cannot fail any more."""

    storage: ObjectStorage
    compression: Compression

    def read(self, stored: StoredResult, *, as_stored: bool) -> Iterator[bytes]:
        """The JSON, compressed or not.

        Raises:
            NotFound: it is not there any more.
            Unavailable, Refused: as `ObjectStorage.fetch`.
        """
        try:
            found = self.storage.head(stored.key)
        except InputNotFound as error:
            raise NotFound("the result is not there any more") from error
        with local_copy(self.storage, found, limit_bytes=stored.stored_bytes) as (_, path):
            file = path.open("rb")  # it can be read to its end, without a name
        return self._pieces(file, as_stored=as_stored)

    def _pieces(self, file: BinaryIO, *, as_stored: bool) -> Iterator[bytes]:
        with closing(file):
            yield from iter(lambda: file.read(CHUNK_BYTES), b"") if as_stored else self.compression.expand(file)
