"""Where Payload is, and how its collections and fields are named. What a project does not name has the usual names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from orchestrator.ports.content import TaskDocument, Version

USUAL_FIELDS: Mapping[str, str] = {
    "external_id": "externalId",
    "status": "status",
    "type": "type",
    "params": "params",
    "progress": "progress",
    "result": "result",
    "error": "error",
    "outputs": "outputs",
    "completed_at": "completedAt",
    "generation": "generation",
    "seq": "seq",
    "epoch": "epoch",
}


@dataclass(frozen=True, slots=True)
class PayloadAddress:
    """``url`` is without the API's path; ``key_collection`` is the slug of the users that have keys, case and all."""

    url: str
    api_key: str = field(repr=False)
    api_path: str = "/api"
    key_collection: str = "users"

    @property
    def root(self) -> str:
        return f"{self.url.rstrip('/')}/{self.api_path.strip('/')}"

    @property
    def authorization(self) -> str:
        return f"{self.key_collection} API-Key {self.api_key}"


@dataclass(frozen=True, slots=True)
class Mapped:
    """A project's collections, and its own names of fields; a field named by an empty text is not written."""

    tasks: str = "inference-jobs"
    files: str = "media"
    links: str = "assets"
    fields: Mapping[str, str] = field(default_factory=dict)

    def name(self, of: str) -> str:
        return self.fields.get(of, USUAL_FIELDS[of])

    def render(self, document: TaskDocument) -> dict[str, Any]:
        """The document's fields as Payload takes them. ``outputs`` relate to one collection, so their ids do."""
        ended = document.ended_at_ms
        values = {
            "external_id": document.task_id,
            "status": document.status.value,
            "type": document.type,
            "params": dict(document.params),
            "progress": document.progress,
            "result": document.result,
            "error": document.error,
            "outputs": [output.id for output in document.outputs],
            "completed_at": None if ended is None else datetime.fromtimestamp(ended / 1000, UTC).isoformat(),
            "generation": document.version.generation,
            "seq": document.version.seq,
            "epoch": document.version.epoch,
        }
        return {self.name(of): value for of, value in values.items() if self.name(of)}

    def version_of(self, found: Mapping[str, Any]) -> Version:
        """What a document shows; one that was never written by us shows the lowest."""
        generation, seq, epoch = (found.get(self.name(of)) or 0 for of in ("generation", "seq", "epoch"))
        return Version(generation, seq, epoch)
