"""How a project's documents are named in its content system (CMS), and as what its outputs are shown there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

# What we tell of a task, and the fields that show it unless a project names others.
USUAL_FIELDS: Mapping[str, str] = {
    "external_id": "externalId",
    "status": "status",
    "type": "type",
    "params": "params",
    "progress": "progress",
    "result": "result",
    "error": "error",
    "outputs": "outputs",
    "links": "links",
    "started_at": "startedAt",
    "completed_at": "completedAt",
    "generation": "generation",
    "seq": "seq",
    "epoch": "epoch",
}
# The code of an `Unavailable` of a CMS that is well but for what was sent: a few tries, and no more.
FAULTY = "content_faulty"
DOCUMENT_LABEL = "payload_document"  # of a task that was submitted for a document: its id (ADR 0036)


class OnDelete(StrEnum):
    """What becomes of the document of a task that a client deletes: ``unlink`` leaves no result and no output in it."""

    KEEP = "keep"
    UNLINK = "unlink"


class Outputs(StrEnum):
    """``link`` is a document with the URL of a file, ``file`` one that holds it."""

    NONE = "none"
    LINK = "link"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class DocumentRef:
    """A document. Its ``id`` means nothing to us, and goes back as it came: number or text."""

    collection: str
    id: str | int


@dataclass(frozen=True, slots=True)
class ContentNames:
    """A project's collections of tasks, files and links, and its own names of `USUAL_FIELDS`; one named by an empty
    text is not written.
    """

    tasks: str = "inference-jobs"
    files: str = "media"
    links: str = "assets"
    fields: Mapping[str, str] = field(default_factory=dict, hash=False)

    def field(self, of: str) -> str:
        return self.fields.get(of, USUAL_FIELDS[of])
