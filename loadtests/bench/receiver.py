"""A receiver of webhooks that does as little as can be: it counts what it is sent, and says 204.

Run as a script it is the server: `receiver.py --port N`. `GET /begin` counts anew, any other says how many came.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from figures import BenchmarkVoid
from peer_process import listens, running_peer
from plain_http import PlainClient

from orchestrator.local.loopback import pick_ports

PATIENCE_S = 120
TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass(slots=True)
class Tally:
    """What came since the last `begin`."""

    count: int = 0
    first_s: float = 0.0
    last_s: float = 0.0

    def note(self) -> None:
        self.last_s = time.monotonic()
        self.first_s = self.first_s if self.count else self.last_s
        self.count += 1

    def render(self) -> bytes:
        body = json.dumps({"count": self.count, "took_s": self.last_s - self.first_s}).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, tally: Tally) -> None:
    """One connection, for as long as the other side keeps it."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            if head.startswith(b"get"):
                tally.count = 0 if head.startswith(b"get /begin ") else tally.count
                writer.write(tally.render())
                continue
            length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
            tally.note()
            writer.write(TAKEN)
    except (asyncio.IncompleteReadError, ConnectionResetError):
        writer.close()


async def serve(port: int) -> None:
    tally = Tally()
    server = await asyncio.start_server(lambda reader, writer: talk(reader, writer, tally=tally), "127.0.0.1", port)
    await server.serve_forever()


@contextmanager
def running_receiver() -> Iterator[str]:
    """The URL of a receiver in a process of its own."""
    (port,) = pick_ports(1)
    url = f"http://127.0.0.1:{port}"
    with running_peer([sys.executable, __file__, "--port", str(port)], answers=lambda: listens(url)):
        yield url


def begin(url: str) -> None:
    """Count anew from now on."""
    with PlainClient(url) as client:
        client.get("/begin")


def await_rate(url: str, count: int) -> float:
    """How many came in a second, from the first to the last of ``count``; once all of them have."""
    give_up_at = time.monotonic() + PATIENCE_S
    with PlainClient(url) as client:
        while (seen := client.get("/"))["count"] < count:
            if time.monotonic() > give_up_at:
                raise BenchmarkVoid(f"only {seen['count']} of {count} came")
            time.sleep(0.05)
    return float((count - 1) / seen["took_s"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    asyncio.run(serve(parser.parse_args().port))
