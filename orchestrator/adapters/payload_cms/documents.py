"""`ContentSystem` over Payload's REST API, which has no upsert and no compare-and-swap (payload facts 3, Writing)."""

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any

import httpx
import structlog

from orchestrator.adapters.payload_cms.mapping import Mapped, PayloadAddress
from orchestrator.adapters.payload_cms.status import SERVICE, is_taken, parse_answer, translated
from orchestrator.domain.errors import Category, Unavailable
from orchestrator.ports.content import DocumentRef, OutputDocument, TaskDocument

ROUNDS = 4
CONNECTIONS = 16
IDLE_S = 4.0  # Node closes a connection that is idle for five, maybe just when we use it again
EVERYBODY = "*"

log = structlog.get_logger()

Document = Mapping[str, Any]


class PayloadCms:
    """One client, with its connections, from the first call on: make it after the fork.

    ``projects`` says how each is mapped, `EVERYBODY` how all that are not named.
    """

    def __init__(self, address: PayloadAddress, projects: Mapping[str, Mapped], *, timeout_s: float = 15.0) -> None:
        self._address = address
        self._projects = projects
        self._timeout_s = timeout_s

    def put(self, document: TaskDocument) -> bool:
        mapped = self._mapped(document.project)
        fields, key = mapped.render(document), mapped.name("external_id")
        for _ in range(ROUNDS):
            found = self._find(mapped.tasks, key, value=document.task_id)
            if found is None:
                shown = self._create(mapped.tasks, key, send=self._json_of(fields))
            elif (version := mapped.version_of(found)) >= document.version:
                return version == document.version
            else:
                shown = self._change(DocumentRef(mapped.tasks, found["id"]), fields)
            if shown is not None:
                if mapped.version_of(shown) != document.version:
                    log.warning("content.order_is_not_kept", collection=mapped.tasks)  # it has no such fields
                return True
        raise _unsettled()

    def register_file(self, output: OutputDocument, source: Path) -> DocumentRef:
        mapped = self._mapped(output.project)
        key = mapped.name("external_id")
        with source.open("rb") as file:

            def send() -> dict[str, Any]:
                file.seek(0)
                form = {"_payload": json.dumps({key: output.external_id})}
                return {"data": form, "files": {"file": (output.filename, file, output.content_type)}}

            return self._register(mapped.files, key, value=output.external_id, send=send)

    def register_link(self, output: OutputDocument, url: str) -> DocumentRef:
        mapped = self._mapped(output.project)
        key = mapped.name("external_id")
        where = {"url": url, "mimeType": output.content_type, "filesize": output.size_bytes}
        send = self._json_of({key: output.external_id, **where})
        return self._register(mapped.links, key, value=output.external_id, send=send)

    def close(self) -> None:
        self._client.close()

    def _register(self, collection: str, key: str, *, value: str, send: Callable[[], dict[str, Any]]) -> DocumentRef:
        for _ in range(ROUNDS):
            found = self._find(collection, key, value=value) or self._create(collection, key, send=send)
            if found is not None:
                return DocumentRef(collection, found["id"])
        raise _unsettled()

    def _find(self, collection: str, key: str, *, value: str) -> Document | None:
        where = {f"where[{key}][equals]": value, "limit": 1}
        answer = self._ask("GET", f"/{collection}", params=where)
        documents: list[Document] = _read(answer, "docs")
        return documents[0] if documents else None

    def _create(self, collection: str, key: str, *, send: Callable[[], dict[str, Any]]) -> Document | None:
        """What it looks like now; None if somebody else has made it meanwhile."""
        answer = self._ask("POST", f"/{collection}", **send())
        return None if is_taken(answer, key) else _read(answer, "doc")

    def _change(self, ref: DocumentRef, fields: Mapping[str, Any]) -> Document | None:
        """What it looks like now; None if somebody has deleted it meanwhile. An editor's lock is no obstacle."""
        path = f"/{ref.collection}/{ref.id}"
        answer = self._ask("PATCH", path, json=fields, params={"overrideLock": "true"})
        return None if answer.status_code == httpx.codes.NOT_FOUND else _read(answer, "doc")

    def _ask(self, method: str, path: str, *, params: Mapping[str, Any] | None = None, **body: Any) -> httpx.Response:  # noqa: ANN401 - as httpx takes it
        with translated():
            return self._client.request(method, path, params={"depth": 0, **(params or {})}, **body)

    def _json_of(self, fields: Mapping[str, Any]) -> Callable[[], dict[str, Any]]:
        return lambda: {"json": fields}

    def _mapped(self, project: str) -> Mapped:
        return self._projects.get(project) or self._projects[EVERYBODY]

    @cached_property
    def _client(self) -> httpx.Client:
        """The key alone says who we are: no cookies, and no proxy or password of the environment."""
        client = httpx.Client(
            base_url=self._address.root,
            headers={"Authorization": self._address.authorization},
            timeout=self._timeout_s,
            limits=httpx.Limits(max_connections=CONNECTIONS, keepalive_expiry=IDLE_S),
            trust_env=False,
        )
        client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        return client


def _read(answer: httpx.Response, name: str) -> Any:  # noqa: ANN401 - JSON
    if not answer.is_success:
        raise parse_answer(answer)
    try:
        return answer.json()[name]
    except (ValueError, KeyError, TypeError) as error:  # a proxy's page, or no Payload at all
        message = "the answer of the CMS cannot be read"
        raise Unavailable(message, service=SERVICE, category=Category.CMS) from error


def _unsettled() -> Unavailable:
    """It says that the document is there, and does not show it: another writer is at it, or it is in the trash."""
    return Unavailable("the document cannot be settled", service=SERVICE, category=Category.CMS)
