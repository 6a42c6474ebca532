"""Many clients of event streams, as cheap as they can be, in a process of their own: what shares the machine with the
submits that are measured beside them shall at least not share their interpreter.
"""

import asyncio
import json
import multiprocessing
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Self
from urllib.parse import urlsplit

from figures import BenchmarkVoid
from stack import Stack

OPEN_WITHIN_S = 60
AGAIN_S = 1.0
PROGRESS = b"event: progress"
# A fresh interpreter: a fork would take along the threads and connections of who measures.
PROCESSES = multiprocessing.get_context("spawn")


class Audience:
    """Follows every task until the context ends; then `seen_s` says when which progress arrived, by its `done`.

    Times are of the machine's monotonic clock, which all of its processes read alike.
    """

    def __init__(self, stack: Stack, task_ids: Sequence[str]) -> None:
        self.seen_s: dict[int, float] = {}
        self._ours, theirs = PROCESSES.Pipe()
        given = {"api": stack.api, "api_key": stack.api_key, "pipe": theirs}
        self._process = PROCESSES.Process(target=follow, args=(list(task_ids),), kwargs=given, daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        if not self._ours.poll(OPEN_WITHIN_S):
            self._process.kill()
            raise BenchmarkVoid("not every stream could be opened")
        self._ours.recv()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ours.send("stop")
        self.seen_s = self._ours.recv()
        self._process.join()


def follow(task_ids: Sequence[str], *, api: str, api_key: str, pipe: Connection) -> None:
    """The audience's process: says when every stream is open, and what was heard when it is told to stop."""
    listeners = Listeners(api, api_key)
    asyncio.run(listeners.follow_all(task_ids, pipe))
    pipe.send(listeners.seen_s)


class Listeners:
    """One connection for each task."""

    def __init__(self, api: str, api_key: str) -> None:
        self.seen_s: dict[int, float] = {}
        self._api, self._api_key = api, api_key
        self._unopened = 0
        self._all_open = asyncio.Event()

    async def follow_all(self, task_ids: Sequence[str], pipe: Connection) -> None:
        self._unopened = len(task_ids)
        streams = [asyncio.create_task(self._follow(task_id)) for task_id in task_ids]
        await self._all_open.wait()
        pipe.send("open")
        await asyncio.to_thread(pipe.recv)
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)

    async def _follow(self, task_id: str) -> None:
        """Until it is stopped; a crowd that comes at once is told to come again (429)."""
        address = urlsplit(self._api)
        asked = f"GET /v1/tasks/{task_id}/events HTTP/1.1\r\nHost: {address.netloc}\r\n"
        request = f"{asked}Authorization: Bearer {self._api_key}\r\n\r\n".encode()
        while True:
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            try:
                writer.write(request)
                if b" 200 " in await reader.readline():
                    return await self._listen(reader)
            finally:
                writer.close()
            await asyncio.sleep(AGAIN_S)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        event = b""
        async for line in reader:
            if line.startswith(b"event: "):
                event = line.strip()
            elif line.startswith(b"data: "):
                self._see(event, line)
            elif line.startswith(b"retry: "):
                self._open_one()

    def _open_one(self) -> None:
        self._unopened -= 1
        if not self._unopened:
            self._all_open.set()

    def _see(self, event: bytes, line: bytes) -> None:
        if event == PROGRESS:
            self.seen_s.setdefault(json.loads(line.removeprefix(b"data: "))["done"], time.perf_counter())
