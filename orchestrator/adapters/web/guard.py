"""The one way out: names are resolved once, every address is judged, and the connection is made to a judged one.

To check a name first and to connect to the name afterwards are two look-ups, and a rebinding server answers them
differently (stack facts F, SSRF). Here nobody behind the guard ever sees a name.
"""

import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import httpcore
import structlog

from orchestrator.domain.errors import InputRefused, StageTimeout
from orchestrator.domain.web_address import IpAddress, Reach
from orchestrator.ports.web import NameResolver

MOST_TRIED = 4

log = structlog.get_logger()


class Deadline(threading.local):
    """When it must be over, however busily the other side drips. Each thread that shares one has its own time."""

    def __init__(self, ends_s: float = float("inf")) -> None:
        self.ends_s = ends_s

    @contextmanager
    def step(self, timeout_s: float | None) -> Iterator[float]:
        """One step of the exchange: how long it may take.

        Raises:
            StageTimeout: the time is up, before the step or in it.
        """
        left_s = self._left_s()
        try:
            yield left_s if timeout_s is None else min(left_s, timeout_s)
        except httpcore.TimeoutException:
            self._left_s()
            raise

    def _left_s(self) -> float:
        left_s = self.ends_s - time.monotonic()
        if left_s <= 0:
            raise StageTimeout("the server of the input sends it too slowly", code="fetch_timeout")
        return left_s


@dataclass(frozen=True, slots=True)
class Guard(httpcore.NetworkBackend):
    """Connects for httpcore. ``sockets`` are told nothing but addresses that were judged."""

    resolver: NameResolver
    reach: Reach
    deadline: Deadline
    sockets: httpcore.NetworkBackend = field(default_factory=httpcore.SyncBackend)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError()
        for address in self._judged(host, port)[:MOST_TRIED]:
            try:
                with self.deadline.step(timeout) as timeout_s:
                    stream = self.sockets.connect_tcp(str(address), port, timeout_s, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
                continue
            peer = ip_address(stream.get_extra_info("server_addr")[0])
            if peer != address:  # somebody between us and the network has other ideas
                stream.close()
                raise self._refusal(host, peer)
            return _TimedStream(stream, self.deadline)
        raise failure

    def _judged(self, host: str, port: int) -> list[IpAddress]:
        """Every address of the host. One that may not be reached condemns all: the name is a trap or a mistake."""
        addresses = [ip_address(text) for text in self._look_up(host, port)]
        for address in addresses:
            if not self.reach.allows(address, port):
                raise self._refusal(host, address)
        return addresses

    def _look_up(self, host: str, port: int) -> tuple[str, ...]:
        try:
            return (str(ip_address(host)),)
        except ValueError:
            return self.resolver.resolve(host, port)

    def _refusal(self, host: str, address: IpAddress) -> InputRefused:
        # The client hears no address: names of a private network are not for strangers to look up.
        log.warning("address.refused", host=host, address=str(address))
        return InputRefused(f"{host} is not a public host, or not on a port of the web")


@dataclass(frozen=True, slots=True)
class _TimedStream(httpcore.NetworkStream):
    """A stream whose every step ends at the deadline at the latest."""

    stream: httpcore.NetworkStream
    deadline: Deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with self.deadline.step(timeout) as timeout_s:
            return self.stream.read(max_bytes, timeout_s)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with self.deadline.step(timeout) as timeout_s:
            self.stream.write(buffer, timeout_s)

    def close(self) -> None:
        self.stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        with self.deadline.step(timeout) as timeout_s:
            return _TimedStream(self.stream.start_tls(ssl_context, server_hostname, timeout_s), self.deadline)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - as httpcore has it
        return self.stream.get_extra_info(info)
