"""Files of the CMS behind its breaker."""

from dataclasses import dataclass
from pathlib import Path

from orchestrator.domain.breaker import PAYLOAD
from orchestrator.domain.content import DocumentRef
from orchestrator.ports.breakers import Breakers, passing
from orchestrator.ports.content import ContentFile, ContentFiles
from orchestrator.ports.storage import KeepGoing


@dataclass(frozen=True, slots=True)
class GuardedFiles:
    """Implements `ports.content.ContentFiles` around another."""

    files: ContentFiles
    breakers: Breakers

    def find(self, document: DocumentRef) -> ContentFile:
        with passing(self.breakers, PAYLOAD):
            return self.files.find(document)

    def fetch(self, file: ContentFile, destination: Path, *, limit_bytes: int, keep_going: KeepGoing) -> None:
        """Not asked about: the file is of one that was found just now, and may come from another server."""
        self.files.fetch(file, destination, limit_bytes=limit_bytes, keep_going=keep_going)
