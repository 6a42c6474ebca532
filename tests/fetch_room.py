"""A fetcher whose public network is 127.0.0.2, for tests against servers on loopback."""

from pathlib import Path

from hostile_web import PUBLIC, REACH, Names, no_tls

from orchestrator.adapters.web import HttpFetcher, Pace
from orchestrator.domain.errors import OrchestratorError
from orchestrator.domain.web_address import Reach
from orchestrator.ports.web import NameResolver, WebFile

BODY = bytes(range(256)) * 1000
LIMIT = len(BODY)
HOST = "media.example"
OK_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
FOUND = {HOST: [[PUBLIC]]}


def fetcher(
    resolver: NameResolver | None = None, *, reach: Reach = REACH, deadline_s: float = 10.0, silence_s: float = 5.0
) -> HttpFetcher:
    return HttpFetcher(resolver or Names(FOUND), reach, Pace(deadline_s, silence_s, redirects=3), no_tls)


def go_on() -> None:
    """The run may go on."""


def fetch(by: HttpFetcher, url: str, *, into: Path, limit_bytes: int = LIMIT) -> WebFile:
    """Fetch into the folder ``into``; where that fails, nothing may be left in it."""
    destination = into / "source"
    try:
        return by.fetch(url, destination, limit_bytes=limit_bytes, keep_going=go_on)
    except OrchestratorError:
        assert not destination.exists()
        raise
