"""A receiver of webhooks: a real HTTP server that keeps its connections, and everything that it was sent."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


@dataclass(frozen=True)
class Said:
    """A message as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    def verified(self, secret: str) -> Any:  # noqa: ANN401 - its JSON
        """The body, if one of the signatures is of the ``secret``."""
        return Webhook(secret).verify(self.body, dict(self.headers))


@dataclass(frozen=True)
class Reply:
    """What to answer: a status, headers and a text."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""


TAKEN = Reply()


@dataclass
class Receiver:
    """``answer`` decides what each message is answered; a test may change it."""

    url: str
    answer: Callable[[Said], Reply]
    heard: list[Said] = field(default_factory=list)
    connections: int = 0
    _news: threading.Condition = field(default_factory=threading.Condition)

    def take(self, said: Said) -> Reply:
        with self._news:
            self.heard.append(said)
            self._news.notify_all()
        return self.answer(said)

    def wait_for(self, count: int, *, timeout_s: float = 10.0) -> list[Said]:
        """The messages, once there are ``count``."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.heard) >= count, timeout_s), self.heard
            return list(self.heard)


@contextmanager
def receiver(answer: Callable[[Said], Reply] = lambda _said: TAKEN, *, host: str = "127.0.0.1") -> Iterator[Receiver]:
    """A receiver on loopback, until the context ends."""

    class Talk(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10
        disable_nagle_algorithm = True

        def setup(self) -> None:
            there.connections += 1
            super().setup()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            reply = there.take(Said(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            text = reply.text.encode()
            self.send_response_only(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.status != TAKEN.status:
                self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library has it
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

    server = Server((host, 0), Talk)
    there = Receiver(f"http://{host}:{server.server_port}/hooks", answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield there
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
