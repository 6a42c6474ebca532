"""A task as the fields of a document, and back."""

from collections.abc import Mapping
from typing import Any

from orchestrator.domain.content import ContentNames, DocumentRef
from orchestrator.domain.timestamp import timestamp
from orchestrator.ports.content import TaskDocument, Version


def render(document: TaskDocument) -> dict[str, Any]:
    """The document's fields as Payload takes them."""
    values = {
        "external_id": document.task_id,
        "status": document.status.value,
        "type": document.type,
        "params": dict(document.params),
        "progress": document.version.progress,
        "result": document.result,
        "error": document.error,
        "started_at": _moment(document.started_at_ms),
        "completed_at": _moment(document.ended_at_ms),
        "generation": document.version.generation,
        "seq": document.version.seq,
        "epoch": document.version.epoch,
    }
    fields = {document.names.field(of): value for of, value in values.items()} | _relations(document)
    return {name: value for name, value in fields.items() if name}


def _moment(at_ms: int | None) -> str | None:
    return None if at_ms is None else timestamp(at_ms)


def _relations(document: TaskDocument) -> dict[str, Any]:
    """A field for each collection; or one for both, whose relations then say to which."""
    names, outputs = document.names, document.outputs
    files, links = names.field("outputs"), names.field("links")
    if files == links:
        return {files: [{"relationTo": output.collection, "value": output.id} for output in outputs]}
    return {files: _ids(outputs, names.files), links: _ids(outputs, names.links)}


def _ids(outputs: tuple[DocumentRef, ...], collection: str) -> list[str | int]:
    return [output.id for output in outputs if output.collection == collection]


def version_of(found: Mapping[str, Any], names: ContentNames) -> Version:
    """What a document shows; one that was never written by us shows the lowest."""
    generation, seq, epoch, progress = (
        found.get(names.field(of)) or 0 for of in ("generation", "seq", "epoch", "progress")
    )
    return Version(generation, seq, epoch, progress)
