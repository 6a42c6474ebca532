"""`ContentSystem` over Payload's REST API, which has no upsert and no compare-and-swap (payload facts 3, ADR 0036)."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from orchestrator.adapters.payload_cms.api import PayloadApi
from orchestrator.adapters.payload_cms.mapping import render, version_of
from orchestrator.adapters.payload_cms.status import SERVICE, is_taken
from orchestrator.domain.content import DocumentRef
from orchestrator.domain.errors import Category, Refused, Unavailable
from orchestrator.ports.content import OutputDocument, TaskDocument

ROUNDS = 4
IN_TRASH_TOO = {"trash": "true"}

log = structlog.get_logger()

Document = Mapping[str, Any]


class PayloadCms:
    """Implements `ports.content.ContentSystem`."""

    def __init__(self, api: PayloadApi) -> None:
        self._api = api

    def put(self, document: TaskDocument) -> bool:
        fields, names = render(document), document.names
        for _ in range(ROUNDS):
            found = self._look(document)
            if found is None:
                shown = self._create(names.tasks, names.field("external_id"), send=_json_of(fields))
            elif version_of(found, names) > document.version:
                return False
            else:
                shown = self._change(names.tasks, found, fields=fields)
            if shown is not None:
                if version_of(shown, names).seq != document.version.seq:
                    log.warning("content.order_is_not_kept", collection=names.tasks)  # it has no such field
                return True
        raise _unsettled()

    def register_file(self, output: OutputDocument, source: Path) -> DocumentRef:
        key = output.names.field("external_id")
        with source.open("rb") as file:

            def send() -> dict[str, Any]:
                file.seek(0)
                form = {"_payload": json.dumps({key: output.external_id})}
                return {"data": form, "files": {"file": (output.filename, file, output.content_type)}}

            return self._register(output.names.files, key, value=output.external_id, send=send)

    def register_link(self, output: OutputDocument, url: str) -> DocumentRef:
        key = output.names.field("external_id")
        where = {"url": url, "mimeType": output.content_type, "filesize": output.size_bytes}
        send = _json_of({key: output.external_id, **where})
        return self._register(output.names.links, key, value=output.external_id, send=send)

    def _register(self, collection: str, key: str, *, value: str, send: Callable[[], dict[str, Any]]) -> DocumentRef:
        for _ in range(ROUNDS):
            found = self._find(collection, key, value=value) or self._create(collection, key, send=send)
            if found is not None:
                return DocumentRef(collection, found["id"])
        raise _unsettled()

    def _look(self, document: TaskDocument) -> Document | None:
        """The task's document as it is now; None if it is still to be made."""
        names, task_id = document.names, document.task_id
        key = names.field("external_id")
        if document.own_id is None:
            return self._find(names.tasks, key, value=task_id)
        own = self._find(names.tasks, "id", value=document.own_id)
        if own is None:
            raise _refused("the document that the task was submitted for is gone", "content_not_found")
        if own.get(key) not in {None, "", task_id}:
            raise _refused("the document that the task was submitted for is another task's", "content_taken")
        return own

    def _find(self, collection: str, field: str, *, value: str) -> Document | None:
        where = {f"where[{field}][equals]": value, "limit": 1, **IN_TRASH_TOO}
        documents: list[Document] = self._api.read(self._api.ask("GET", f"/{collection}", params=where), "docs")
        return documents[0] if documents else None

    def _create(self, collection: str, key: str, *, send: Callable[[], dict[str, Any]]) -> Document | None:
        """What it looks like now; None if somebody else has made it meanwhile."""
        answer = self._api.ask("POST", f"/{collection}", **send())
        return None if is_taken(answer, key) else self._api.read(answer, "doc")

    def _change(self, collection: str, found: Document, *, fields: Document) -> Document | None:
        """What it looks like now; None if somebody has saved or deleted it since. An editor's lock is no obstacle."""
        seen = {"id": found["id"], **({"updatedAt": found["updatedAt"]} if "updatedAt" in found else {})}
        where = {f"where[and][{n}][{name}][equals]": value for n, (name, value) in enumerate(seen.items())}
        params = {**where, "overrideLock": "true", **IN_TRASH_TOO}
        changed: list[Document] = self._api.read(
            self._api.ask("PATCH", f"/{collection}", params=params, json=fields), "docs"
        )
        return changed[0] if changed else None


def _json_of(fields: Document) -> Callable[[], dict[str, Any]]:
    return lambda: {"json": fields}


def _refused(message: str, code: str) -> Refused:
    return Refused(message, service=SERVICE, category=Category.CMS, code=code)


def _unsettled() -> Unavailable:
    """It says that the document is there, and does not show it; or others save it all the time."""
    return Unavailable("the document cannot be settled", service=SERVICE, category=Category.CMS)
