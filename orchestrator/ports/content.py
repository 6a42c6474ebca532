"""The content system (CMS) in which editors see what became of their tasks. Its documents are theirs, too."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from orchestrator.domain.task import JsonObject, Status

# The code of an `Unavailable` that is as often a lasting fault of what was sent: a few tries, and no more.
FAULTY = "content_faulty"


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """Which of two states of a task is the later one."""

    generation: int
    seq: int
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class DocumentRef:
    """A document. Its ``id`` means nothing to us, and goes back as it came: number or text."""

    collection: str
    id: str | int


@dataclass(frozen=True, slots=True)
class TaskDocument:
    """All that an editor is shown of a task in one state. ``outputs`` are documents that were registered before."""

    project: str
    task_id: str
    type: str
    status: Status
    version: Version
    params: JsonObject = field(default_factory=dict)
    progress: float = 0.0
    result: JsonObject | None = None
    error: JsonObject | None = None
    outputs: tuple[DocumentRef, ...] = ()
    ended_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class OutputDocument:
    """An output as it is to be registered. ``external_id`` is its name for ever."""

    project: str
    external_id: str
    filename: str
    content_type: str
    size_bytes: int


class ContentSystem(Protocol):
    """A CMS. It compares and swaps nothing, so the writes for one task must come one after another."""

    def put(self, document: TaskDocument) -> bool:
        """Show this state of the task in its one document, which is made when there is none.

        Repeating it is harmless, also when the answer was lost. An older state is never written over a newer one:
        then False is returned.

        Raises:
            Unavailable: the CMS cannot be reached, or failed; with code `FAULTY` only a few tries are worth it.
            Overloaded: it asks for a pause.
            Refused: another try meets the same.
        """
        ...

    def register_file(self, output: OutputDocument, source: Path) -> DocumentRef:
        """Upload ``source`` as a document that holds the file; the same document when it was registered before.

        Raises:
            Unavailable, Overloaded, Refused: as for `put`. A file that is too large for the CMS is refused.
        """
        ...

    def register_link(self, output: OutputDocument, url: str) -> DocumentRef:
        """Make a document that says where the file is; the same document when it was registered before.

        Raises:
            Unavailable, Overloaded, Refused: as for `put`.
        """
        ...
