"""`ContentSystem` without a CMS. It passes the same contract tests as the real one."""

from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.domain.errors import Category, Refused
from orchestrator.ports.content import DocumentRef, OutputDocument, TaskDocument

MOST_BYTES = 20 * 1024**2


@dataclass
class FakeContent:
    """What an editor would see: ``tasks`` by id, ``files`` and ``links`` by external id."""

    tasks: dict[str, TaskDocument] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    def put(self, document: TaskDocument) -> bool:
        shown = self.tasks.get(document.task_id)
        if shown is None or shown.version < document.version:
            self.tasks[document.task_id] = document
            return True
        return shown.version == document.version

    def register_file(self, output: OutputDocument, source: Path) -> DocumentRef:
        content = source.read_bytes()
        if len(content) > MOST_BYTES:
            raise Refused("the file is too large", service="payload", category=Category.CMS, code="content_too_large")
        self.files.setdefault(output.external_id, content)
        return DocumentRef("media", list(self.files).index(output.external_id) + 1)

    def register_link(self, output: OutputDocument, url: str) -> DocumentRef:
        self.links.setdefault(output.external_id, url)
        return DocumentRef("assets", list(self.links).index(output.external_id) + 1)
