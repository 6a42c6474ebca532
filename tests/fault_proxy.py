"""A TCP proxy that makes faults on demand. It stands before Redis, Triton or S3, and runs on a thread of the test.

What bytes can suffer is as in Shopify's toxiproxy; a `Screen` adds what only one who knows the protocol can do
(`redis_faults.py`, `http_faults.py`).
"""

import asyncio
import math
import socket
import struct
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from faults import ConnectionBrokenOff

from orchestrator.local.loopback import pick_ports

CHUNK_BYTES = 65_536
BREAK_OFF = struct.pack("ii", 1, 0)  # SO_LINGER for no time at all: close() sends RST instead of FIN

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Toxics:
    """What bytes of one direction suffer on every connection; set them at will, also while bytes flow."""

    delay_s: float = 0.0
    bytes_per_s: float = math.inf
    cut_after_bytes: float = math.inf


class Screen(Protocol):
    """Sees everything that passes one connection, and raises `ConnectionBrokenOff` to end it."""

    def request(self, data: bytes) -> tuple[bytes, bytes]:
        """What of it goes on to the server, and what goes back to the client instead."""

    def reply(self, data: bytes) -> bytes:
        """What of it goes on to the client."""


class Glass:
    """The screen that everything passes."""

    def request(self, data: bytes) -> tuple[bytes, bytes]:
        return data, b""

    def reply(self, data: bytes) -> bytes:
        return data


@dataclass(eq=False)
class Link:
    """One connection through the proxy. A stranded one is half-open: both ends believe in it, and nothing arrives."""

    proxy: "FaultProxy"
    screen: Screen
    client: Stream
    server: Stream
    is_stranded: bool = False
    _pumps: list[asyncio.Task[None]] = field(default_factory=list)

    async def carry(self) -> None:
        """Until either end hangs up, or the proxy breaks it off."""
        self._pumps = [asyncio.create_task(pump) for pump in (self._carry_requests(), self._carry_replies())]
        try:
            await asyncio.wait(self._pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in self._pumps:
                pump.cancel()
            for outcome in await asyncio.gather(*self._pumps, return_exceptions=True):
                if isinstance(outcome, OSError | ConnectionBrokenOff):
                    self.reset()
            for _, writer in (self.client, self.server):
                writer.close()

    def reset(self) -> None:
        for _, writer in (self.client, self.server):
            raw: socket.socket = writer.get_extra_info("socket")
            if raw.fileno() >= 0:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, BREAK_OFF)
            writer.transport.abort()
        for pump in self._pumps:
            pump.cancel()

    async def _carry_requests(self) -> None:
        async for data in self._flow(self.client[0], self.proxy.requests):
            onward, back = self.screen.request(data)
            await _send(self.server[1], onward)
            await _send(self.client[1], back)

    async def _carry_replies(self) -> None:
        async for data in self._flow(self.server[0], self.proxy.replies):
            await _send(self.client[1], self.screen.reply(data))

    async def _flow(self, source: asyncio.StreamReader, toxics: Toxics) -> AsyncIterator[bytes]:
        passed = 0
        while data := await source.read(int(max(1, min(CHUNK_BYTES, toxics.bytes_per_s / 10)))):
            await self.proxy.thawed.wait()
            if self.is_stranded:
                continue
            await asyncio.sleep(toxics.delay_s + len(data) / toxics.bytes_per_s)
            passed += len(data)
            if passed > toxics.cut_after_bytes:
                raise ConnectionBrokenOff
            yield data


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    if data:
        writer.write(data)
        await writer.drain()


@dataclass(eq=False)
class FaultProxy:
    """Listens on ``port`` of loopback and passes everything to ``server_port``. Made and ended by `fault_proxy`."""

    server_port: int
    make_screen: Callable[[], Screen]
    port: int = field(default_factory=lambda: pick_ports(1)[0])
    requests: Toxics = field(default_factory=Toxics)
    replies: Toxics = field(default_factory=Toxics)
    links: set[Link] = field(default_factory=set)
    thawed: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def reset(self) -> None:
        """Break off every connection there is."""
        self._do(self._reset)

    def strand(self) -> None:
        """Leave every connection there is half-open; new ones work."""
        self._do(self._strand)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Accept connections and let nothing pass until the block is left."""
        self._do(self._freeze)
        try:
            yield
        finally:
            self._do(self._thaw)

    @contextmanager
    def down(self) -> Iterator[None]:
        """Refuse connections, as when nobody listens, until the block is left; those there are break off."""
        self._do(self._hang_up)
        try:
            yield
        finally:
            self._do(self._listen)

    def serve(self, is_ready: threading.Event) -> None:
        """The body of the proxy's thread."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(is_ready))

    def end(self) -> None:
        self._do(self._end)

    def _do(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Do it on the proxy's thread, and return when it is done."""
        asyncio.run_coroutine_threadsafe(work(), self._loop).result(10)

    async def _serve(self, is_ready: threading.Event) -> None:
        await self._thaw()
        await self._listen()
        is_ready.set()
        await self._ended.wait()
        await self._hang_up()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server = await asyncio.open_connection("127.0.0.1", self.server_port)
        except OSError:
            writer.transport.abort()
            return
        link = Link(self, self.make_screen(), (reader, writer), server)
        self.links.add(link)
        try:
            await link.carry()
        finally:
            self.links.discard(link)

    async def _reset(self) -> None:
        for link in self.links:
            link.reset()

    async def _strand(self) -> None:
        for link in self.links:
            link.is_stranded = True

    async def _freeze(self) -> None:
        self.thawed.clear()

    async def _thaw(self) -> None:
        self.thawed.set()

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def _hang_up(self) -> None:
        for listening in self._listener.sockets:
            self._loop.remove_reader(listening.fileno())
        await asyncio.sleep(0.01)  # what was accepted becomes a link; asyncio leaks it if its server is closed before
        self._listener.close()
        while self.links:
            await self._reset()
            await asyncio.sleep(0.01)

    async def _end(self) -> None:
        self._ended.set()


@contextmanager
def fault_proxy(server_port: int, make_screen: Callable[[], Screen] = Glass) -> Iterator[FaultProxy]:
    """A proxy before a server on loopback; each connection gets a screen of its own."""
    proxy, is_ready = FaultProxy(server_port, make_screen), threading.Event()
    thread = threading.Thread(target=proxy.serve, args=(is_ready,), name=f"fault-proxy-{proxy.port}")
    thread.start()
    try:
        assert is_ready.wait(10)
        yield proxy
    finally:
        proxy.end()
        thread.join()
