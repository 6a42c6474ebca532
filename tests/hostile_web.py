"""Web servers and names as an attacker runs them: on loopback, where 127.0.0.2 plays the public host that he owns and
127.0.0.1 what nobody may be led to.
"""

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_network

from orchestrator.domain.web_address import Reach

PUBLIC, PRIVATE = "127.0.0.2", "127.0.0.1"
REACH = Reach(allows_http=True, private_networks=(ip_network(f"{PUBLIC}/32"),))


LENGTH = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)


def no_tls() -> ssl.SSLContext:
    """For fetchers that speak http only."""
    raise AssertionError("no certificates are read for http")


# What a server does with a connection, once the request was read.
Answer = Callable[[socket.socket], None]


@dataclass
class WebServer:
    """Where it listens, and what it was asked."""

    port: int
    requests: list[bytes] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    @property
    def visits(self) -> int:
        return len(self.requests)


@dataclass
class Names:
    """A resolver in the attacker's hand: for each name its answers in turn, the last one for ever."""

    answers: Mapping[str, list[list[str]]]
    asked: list[str] = field(default_factory=list)

    def resolve(self, host: str, port: int) -> tuple[str, ...]:
        assert port > 0
        self.asked.append(host)
        answers = self.answers[host]
        return tuple(answers.pop(0) if len(answers) > 1 else answers[0])


@contextmanager
def serving(
    *answers: Answer, host: str = PUBLIC, port: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[WebServer]:
    """A server that gives its answers in turn, the last one for ever. Each connection is closed afterwards."""
    script = list(answers)
    with socket.create_server((host, port)) as listener:
        server = WebServer(listener.getsockname()[1])
        if tls is not None:
            tls.sni_callback = lambda _sock, name, _context: server.names.append(name)
        thread = threading.Thread(target=_accept, args=(listener, server), kwargs={"script": script, "tls": tls})
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)
            assert not thread.is_alive()


def _accept(listener: socket.socket, server: WebServer, *, script: list[Answer], tls: ssl.SSLContext | None) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with suppress(OSError), connection:  # the client may leave whenever it likes
            connection.settimeout(5)
            with tls.wrap_socket(connection, server_side=True) if tls else connection as stream:
                server.requests.append(_read_request(stream))
                (script.pop(0) if len(script) > 1 else script[0])(stream)


def _read_request(stream: socket.socket) -> bytes:
    """With its body, which mostly comes apart: a server that leaves before it has read all resets the connection."""
    request = stream.recv(65536)
    length = LENGTH.search(request)
    size = request.find(b"\r\n\r\n") + 4 + int(length[1]) if length else 0
    while len(request) < size and (piece := stream.recv(65536)):
        request += piece
    return request


def reply(body: bytes = b"", *, status: int = 200, **headers: str) -> Answer:
    """A whole answer, the last one of its connection; its length is true unless ``content_length`` says another."""
    fields = {"content_length": str(len(body)), "connection": "close", **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    head = f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n"
    return lambda stream: stream.sendall(head.encode() + body)


def redirect(location: str, *, status: int = 302) -> Answer:
    return reply(status=status, location=location)


def raw(text: bytes) -> Answer:
    return lambda stream: stream.sendall(text)


def forever(head: bytes, piece: bytes, *, every_s: float = 0.0) -> Answer:
    """``head``, and then pieces until the client leaves."""
    pause = threading.Event()

    def send(stream: socket.socket) -> None:
        stream.sendall(head)
        while True:
            stream.sendall(piece)
            pause.wait(every_s)

    return send


def hush(stream: socket.socket) -> None:
    """Say nothing until the client leaves."""
    while stream.recv(65536):
        pass
