"""The media of a task: as a client names it, and as a run has fetched it."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.domain.content import DocumentRef
from orchestrator.domain.media_format import MediaFormat
from orchestrator.domain.task import JsonObject
from orchestrator.domain.web_address import without_secrets


@dataclass(frozen=True, slots=True)
class GivenInput:
    """Exactly one of ``object`` (a key in the project's storage), ``url``, ``content`` and ``document`` (of the CMS) is
    there; or, where only an estimate is asked for, ``size_bytes`` of a file that is not.

    ``sha256`` is what the client says the bytes are; a run that finds others fails.
    """

    object: str | None = None
    url: str | None = None
    content: bytes | None = field(default=None, repr=False)
    content_type: str | None = None
    document: DocumentRef | None = None
    sha256: str | None = None
    size_bytes: int | None = None

    @property
    def fingerprint(self) -> Any:  # noqa: ANN401 - JSON
        """Equal exactly for inputs that ask for the same thing. A bare key is itself, as it always was."""
        if self.object is not None and self.sha256 is None:
            return self.object
        content = None if self.content is None else hashlib.sha256(self.content).hexdigest()
        given = [self.object, self.url, content, self.content_type, self.sha256]
        return given if self.document is None else [*given, self.document.collection, str(self.document.id)]

    @property
    def known_sha256(self) -> str | None:
        """Of the bytes, if they are here; or what they are said to be."""
        return self.sha256 if self.content is None else hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class FetchedInput:
    """The file that a run works on, and what it really is."""

    path: Path
    format: MediaFormat
    size_bytes: int
    sha256: str

    @property
    def facts(self) -> JsonObject:
        """What it really is, whatever its name and its server said."""
        return {"format": self.format.name, "size_bytes": self.size_bytes, "sha256": self.sha256}


def show_input(recorded: JsonObject) -> JsonObject:
    """The recorded input as it may leave the node: without the query of its URL."""
    if "url" not in recorded:
        return recorded
    return {**recorded, "url": without_secrets(recorded["url"])}
