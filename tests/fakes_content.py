"""`ContentSystem` without a CMS. It passes the same contract tests as the real one."""

from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.domain.content import DocumentRef
from orchestrator.domain.errors import Category, InputNotFound, MediaTooLarge, Refused
from orchestrator.ports.content import ContentFile, OutputDocument, TaskDocument
from orchestrator.ports.storage import KeepGoing

MOST_BYTES = 20 * 1024**2


@dataclass
class FakeContent:
    """What an editor would see: ``tasks`` by id, ``files`` and ``links`` by external id. ``own`` are documents that
    editors made, by id, with the task that each one shows, if it does.
    """

    tasks: dict[str, TaskDocument] = field(default_factory=dict)
    own: dict[str, str | None] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    def put(self, document: TaskDocument) -> bool:
        if document.own_id is not None:
            self._adopt(document.own_id, document.task_id)
        shown = self.tasks.get(document.task_id)
        if shown is not None and shown.version > document.version:
            return False
        self.tasks[document.task_id] = document
        return True

    def write(self) -> str:
        """What an editor does who wants a task: make a document, and tell its id."""
        own_id = str(len(self.own) + 1)
        self.own[own_id] = None
        return own_id

    def _adopt(self, own_id: str, task_id: str) -> None:
        if own_id not in self.own:
            raise _refused("the document is gone", "content_not_found")
        if self.own[own_id] not in {None, task_id}:
            raise _refused("the document is another task's", "content_taken")
        self.own[own_id] = task_id

    def register_file(self, output: OutputDocument, source: Path) -> DocumentRef:
        content = source.read_bytes()
        if len(content) > MOST_BYTES:
            raise _refused("the file is too large", "content_too_large")
        self.files.setdefault(output.external_id, content)
        return DocumentRef("media", list(self.files).index(output.external_id) + 1)

    def register_link(self, output: OutputDocument, url: str) -> DocumentRef:
        self.links.setdefault(output.external_id, url)
        return DocumentRef("assets", list(self.links).index(output.external_id) + 1)


@dataclass
class FakeContentFiles:
    """`ContentFiles` without a CMS: the name and the bytes of each document's file."""

    files: dict[DocumentRef, tuple[str, bytes]] = field(default_factory=dict)

    def find(self, document: DocumentRef) -> ContentFile:
        text = DocumentRef(document.collection, str(document.id))
        document = next((known for known in self.files if DocumentRef(known.collection, str(known.id)) == text), text)
        if document not in self.files:
            raise InputNotFound
        name, content = self.files[document]
        return ContentFile(document, f"https://cms.example/{name}", name, len(content), "image/png")

    def fetch(self, file: ContentFile, destination: Path, *, limit_bytes: int, keep_going: KeepGoing) -> None:
        content = self.files[file.document][1]
        keep_going()
        if len(content) > limit_bytes:
            raise MediaTooLarge
        destination.write_bytes(content)


def _refused(message: str, code: str) -> Refused:
    return Refused(message, service="payload", category=Category.CMS, code=code)
