"""Whether a file is the large result that a record points to: the record has the SHA-256 of what it expands to."""

import hashlib
from pathlib import Path

from orchestrator.domain.errors import Unavailable
from orchestrator.domain.stored_result import StoredResult
from orchestrator.ports.compression import Compression


def is_result(path: Path, stored: StoredResult, *, compression: Compression) -> bool:
    """In bounded memory, however large. What cannot be expanded is none."""
    sha256 = hashlib.sha256()
    with path.open("rb") as file:
        try:
            for piece in compression.expand(file):
                sha256.update(piece)
        except Unavailable:
            return False
    return sha256.hexdigest() == stored.sha256
