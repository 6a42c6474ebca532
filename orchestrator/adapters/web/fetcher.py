"""`UrlFetcher` over httpcore: plain GETs, each on a connection of its own behind the guard."""

import hashlib
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpcore
import structlog

from orchestrator.adapters.web.fetch_status import REDIRECTS, require_file, translated
from orchestrator.adapters.web.guard import Deadline, Guard
from orchestrator.adapters.web.wire import header_of, render_address
from orchestrator.domain.errors import InputRefused, InvalidParams, MediaTooLarge
from orchestrator.domain.web_address import Reach, WebAddress, parse_web_address
from orchestrator.ports.web import NameResolver, WebFile

HEADERS = (
    ("User-Agent", "orchestrator"),
    ("Accept", "*/*"),
    ("Accept-Encoding", "identity"),
    ("Connection", "close"),
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a whole fetch may take, how long a server may be silent, and how often it may send us on."""

    deadline_s: float = 600.0
    silence_s: float = 15.0
    redirects: int = 3


@dataclass(frozen=True, slots=True)
class HttpFetcher:
    """``tls`` is asked for at the first https URL: reading certificates takes a while."""

    resolver: NameResolver
    reach: Reach
    pace: Pace
    tls: Callable[[], ssl.SSLContext]

    def fetch(self, url: str, destination: Path, *, limit_bytes: int, keep_going: Callable[[], None]) -> WebFile:
        address, deadline = _read(parse_web_address, url), Deadline(time.monotonic() + self.pace.deadline_s)
        for _ in range(self.pace.redirects + 1):
            keep_going()
            with translated(), self._asked(address, deadline) as answer:
                if answer.status not in REDIRECTS:
                    require_file(answer.status)
                    file = _save(answer, destination, limit_bytes=limit_bytes, keep_going=keep_going)
                    log.info("input.fetched", host=address.host, size_bytes=file.size_bytes)
                    return file
                address = _read(address.follow, header_of(answer, "location"))
        raise InputRefused("the address of the input redirects too often")

    @contextmanager
    def _asked(self, address: WebAddress, deadline: Deadline) -> Iterator[httpcore.Response]:
        """The answer, with its body still to come. Its host is judged anew for every request."""
        if not self.reach.allows_scheme(address):
            raise InputRefused("the input would come over http, without encryption")
        url = render_address(address)
        headers = [("Host", address.authority), *HEADERS]
        timeout = dict.fromkeys(("connect", "read", "write"), self.pace.silence_s)
        connection = httpcore.HTTPConnection(
            url.origin,
            ssl_context=self.tls() if address.scheme == "https" else None,
            network_backend=Guard(self.resolver, self.reach, deadline),
        )
        with (
            closing(connection),
            connection.stream("GET", url, headers=headers, extensions={"timeout": timeout}) as answer,
        ):
            yield answer


def _read(reader: Callable[[str], WebAddress], text: str) -> WebAddress:
    try:
        return reader(text)
    except InvalidParams as error:
        raise InputRefused("the input leads to an address that is not a plain URL") from error


def _save(answer: httpcore.Response, destination: Path, *, limit_bytes: int, keep_going: Callable[[], None]) -> WebFile:
    if header_of(answer, "content-encoding") not in {"", "identity"}:
        raise InputRefused("the server of the input compresses it, which it was asked not to")
    declared = header_of(answer, "content-length")
    _require_size(int(declared) if declared.isdecimal() else 0, limit_bytes)  # it may be a lie: count, too
    digest, size_bytes = hashlib.sha256(), 0
    with _new_file(destination) as write:
        for chunk in answer.iter_stream():
            keep_going()
            size_bytes += len(chunk)
            _require_size(size_bytes, limit_bytes)
            digest.update(chunk)
            write(chunk)
    return WebFile(size_bytes, digest.hexdigest())


def _require_size(size_bytes: int, limit_bytes: int) -> None:
    if size_bytes > limit_bytes:
        raise MediaTooLarge(f"the input has more than {limit_bytes} bytes")


@contextmanager
def _new_file(destination: Path) -> Iterator[Callable[[bytes], object]]:
    """Nothing is left of a file that was not written to its end."""
    with destination.open("xb") as file:
        try:
            yield file.write
        except BaseException:
            destination.unlink()
            raise
