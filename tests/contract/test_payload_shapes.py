"""What Payload projects choose differently: uuids as ids, another path of the API and of those who have keys, own names
of fields, HTTP/2 on the way.
"""

import contextlib
import json
import secrets
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived
from made_certificate import server_tls
from payload_cms_server import Payload, payload

from orchestrator.adapters.payload_cms import PayloadAddress, PayloadApi, PayloadCms
from orchestrator.adapters.payload_cms.mapping import render
from orchestrator.adapters.payload_cms.status import parse_answer
from orchestrator.domain.content import FAULTY, ContentNames, DocumentRef
from orchestrator.domain.task import Status
from orchestrator.ports.content import OutputDocument, TaskDocument, Version

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108020000009"
    "07753de0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)
HOST = "localhost"


API_PATH, KEYS = "/cms/api", "services"


@pytest.fixture(params=["number", "uuid"])
def api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PayloadApi]:
    """A Payload by the ids that it gives; the one with uuids is otherwise unusual, too."""
    usual: Payload = request.getfixturevalue("payload_server")  # skips where there is no Node.js
    with contextlib.ExitStack() as stack:
        if request.param == "number":
            address = PayloadAddress(usual.url, usual.api_key)
        else:
            folder = tmp_path_factory.mktemp("ids")
            server = stack.enter_context(payload(folder, id_type="uuid", api_path=API_PATH, key_collection=KEYS))
            address = PayloadAddress(server.url, server.api_key, api_path=API_PATH, key_collection=KEYS)
        yield stack.enter_context(closing(PayloadApi(address)))


def document(task_id: str, *, names: ContentNames, seq: int, **more: Any) -> TaskDocument:  # noqa: ANN401 - any other field
    status = Status.SUCCEEDED if seq > 1 else Status.QUEUED
    return TaskDocument(names, task_id, "image.upscale", status, Version(1, seq), **more)


def test_ids_go_back_as_they_came(api: PayloadApi, tmp_path: Path) -> None:
    cms, names, task_id = PayloadCms(api), ContentNames(), f"task_{secrets.token_hex(8)}"
    own = api.ask("POST", "/inference-jobs", json={"type": "image.upscale"}).json()["doc"]["id"]
    assert cms.put(document(task_id, names=names, seq=1, own_id=str(own)))
    source = tmp_path / "still.png"
    source.write_bytes(PNG)
    output = OutputDocument(names, f"{task_id}/still.png", "still.png", "image/png", len(PNG))
    made = (cms.register_file(output, source), cms.register_link(output, "https://cdn.example/still.png"))
    assert cms.put(document(task_id, names=names, seq=2, own_id=str(own), outputs=made))
    shown = api.ask("GET", f"/inference-jobs/{own}").json()
    assert (shown["status"], shown["externalId"]) == ("succeeded", task_id)
    assert (shown["outputs"], shown["links"]) == ([made[0].id], [made[1].id])
    assert {type(ref.id) for ref in made} == {type(own)}
    of_another_shape = parse_answer(api.ask("GET", "/inference-jobs/abc")).code
    assert of_another_shape == ("content_not_found" if isinstance(own, str) else FAULTY)


def test_fields_that_are_named_otherwise_or_not_at_all(payload_server: Payload) -> None:
    task_id = f"task_{secrets.token_hex(8)}"
    names = ContentNames(fields={"params": "result", "result": "", "epoch": ""})
    with closing(PayloadApi(PayloadAddress(payload_server.url, payload_server.api_key))) as api:
        assert PayloadCms(api).put(document(task_id, names=names, seq=1, params={"scale": 4}, result={"ok": True}))
        (shown,) = api.ask("GET", "/inference-jobs", params={"where[externalId][equals]": task_id}).json()["docs"]
    assert (shown["result"], shown["params"], shown["epoch"]) == ({"scale": 4}, None, None)


def test_a_field_for_files_and_links_says_which_is_which() -> None:
    names = ContentNames(fields={"outputs": "made", "links": "made"})
    outputs = (DocumentRef("media", 1), DocumentRef("assets", "7d3f"))
    assert render(document("t", names=names, seq=2, outputs=outputs))["made"] == [
        {"relationTo": "media", "value": 1},
        {"relationTo": "assets", "value": "7d3f"},
    ]


@dataclass
class TwoServer:
    """Speaks HTTP/2 and nothing else, and answers every request with a document."""

    context: ssl.SSLContext
    asked: list[tuple[str, str]] = field(default_factory=list)

    @contextmanager
    def serving(self) -> Iterator[int]:
        with socket.create_server((HOST, 0)) as listener:
            thread = threading.Thread(target=self._serve, args=(listener,))
            thread.start()
            yield listener.getsockname()[1]
            thread.join(10)
        assert not thread.is_alive()

    def _serve(self, listener: socket.socket) -> None:
        """One connection, until the client hangs up."""
        connection, _ = listener.accept()
        with self.context.wrap_socket(connection, server_side=True) as stream:
            talk = H2Connection(H2Configuration(client_side=False))
            talk.initiate_connection()
            stream.sendall(talk.data_to_send())
            while data := stream.recv(65_536):
                for event in talk.receive_data(data):
                    if isinstance(event, RequestReceived):
                        self._answer(talk, event)
                stream.sendall(talk.data_to_send())

    def _answer(self, talk: H2Connection, event: RequestReceived) -> None:
        headers = {bytes(name).decode(): bytes(value).decode() for name, value in event.headers or ()}
        self.asked.append((headers[":path"].partition("?")[0], headers["authorization"]))
        assert event.stream_id is not None
        talk.send_headers(event.stream_id, [(":status", "200"), ("content-type", "application/json")])
        talk.send_data(event.stream_id, json.dumps({"docs": [{"id": 7}]}).encode(), end_stream=True)


def test_where_http_2_is_offered_it_is_spoken_over_one_connection(tmp_path: Path) -> None:
    context, trusted = server_tls(tmp_path, HOST)
    context.set_alpn_protocols(["h2"])
    server = TwoServer(context)
    with server.serving() as port:
        address = PayloadAddress(f"https://{HOST}:{port}", "the key")
        with closing(PayloadApi(address, tls=ssl.create_default_context(cafile=trusted))) as api:
            output = OutputDocument(ContentNames(), "still.png", "still.png", "image/png", 1)
            links = [PayloadCms(api).register_link(output, "https://cdn.example/still.png") for _ in range(2)]
    assert links == [DocumentRef("assets", 7)] * 2
    assert server.asked == [("/api/assets", "users API-Key the key")] * 2
