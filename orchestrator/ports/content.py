"""The content system (CMS) in which editors see what became of their tasks. Its documents are theirs, too."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from orchestrator.domain.content import ContentNames, DocumentRef
from orchestrator.domain.task import JsonObject, Status
from orchestrator.ports.storage import KeepGoing


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """Which of two states of a task is the later one. ``progress`` orders what comes between two lines of its story."""

    generation: int
    seq: int
    epoch: int = 0
    progress: float = 0.0


@dataclass(frozen=True, slots=True)
class TaskDocument:
    """All that an editor is shown of a task in one state. ``outputs`` are documents that were registered before.

    ``own_id`` is the id, as text, of the document that the task was submitted for, if it was.
    """

    names: ContentNames
    task_id: str
    type: str
    status: Status
    version: Version
    params: JsonObject = field(default_factory=dict)
    result: JsonObject | None = None
    error: JsonObject | None = None
    outputs: tuple[DocumentRef, ...] = ()
    started_at_ms: int | None = None
    ended_at_ms: int | None = None
    own_id: str | None = None


@dataclass(frozen=True, slots=True)
class OutputDocument:
    """An output as it is to be registered. ``external_id`` is its name for ever."""

    names: ContentNames
    external_id: str
    filename: str
    content_type: str
    size_bytes: int


class ContentSystem(Protocol):
    """A CMS. It compares and swaps nothing, so the writes for one task must come one after another."""

    def put(self, document: TaskDocument) -> bool:
        """Show this state of the task in its one document: its own one, or else one that is made when there is none.

        Repeating it is harmless, also when the answer was lost. An older state is never written over a newer one:
        then False is returned.

        Raises:
            Unavailable: the CMS cannot be reached, or failed; with code `FAULTY` it answers all but this
                document, and only a few tries are worth it.
            Overloaded: it asks for a pause.
            Refused: another try meets the same; its own document is gone, or another task's.
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


@dataclass(frozen=True, slots=True)
class ContentFile:
    """A document that holds a file, or says where one is; as it is now."""

    document: DocumentRef
    url: str
    filename: str
    size_bytes: int | None
    content_type: str

    @property
    def pinned(self) -> dict[str, Any]:
        """What a task's record keeps of it: a run works on no other."""
        facts = {"filename": self.filename, "size_bytes": self.size_bytes, "content_type": self.content_type}
        return {"payload": asdict(self.document), **{name: fact for name, fact in facts.items() if fact}}


class ContentFiles(Protocol):
    """The files of a CMS, to be worked on."""

    def find(self, document: DocumentRef) -> ContentFile:
        """What the CMS says of the file now.

        Raises:
            InputNotFound: there is no such document, or it has no file.
            Unavailable, Overloaded, Refused: as for `ContentSystem.put`.
        """
        ...

    def fetch(self, file: ContentFile, destination: Path, *, limit_bytes: int, keep_going: KeepGoing) -> None:
        """Stream the file into the new file ``destination``; nothing is left there when that fails.

        Only the CMS itself is shown our key. Where it sends us on, the way is that of a URL of a stranger.

        Raises:
            InputNotFound, MediaTooLarge: as they say.
            Unavailable, Overloaded, Refused: as for `ContentSystem.put`.
            what `UrlFetcher.fetch` does: the file lies elsewhere.
        """
        ...
