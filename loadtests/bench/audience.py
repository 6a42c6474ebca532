"""Many clients of event streams on one thread, as cheap as they can be: they share the machine with what they hear."""

import asyncio
import json
import threading
import time
from collections.abc import Sequence
from typing import Self
from urllib.parse import urlsplit

from figures import BenchmarkVoid
from stack import Stack

OPEN_WITHIN_S = 60
AGAIN_S = 1.0
PROGRESS = b"event: progress"


class Audience:
    """Follows every task until the context ends; `seen_s` says when which progress arrived, by its `done`."""

    def __init__(self, stack: Stack, task_ids: Sequence[str]) -> None:
        self.seen_s: dict[int, float] = {}
        self._stack = stack
        self._task_ids = task_ids
        self._opened = threading.Semaphore(0)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._follow_all(),))

    def __enter__(self) -> Self:
        self._stopped = asyncio.Event()
        self._thread.start()
        for _ in self._task_ids:
            if not self._opened.acquire(timeout=OPEN_WITHIN_S):
                self.__exit__()
                raise BenchmarkVoid("not every stream could be opened")
        return self

    def __exit__(self, *_error: object) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()
        self._loop.close()

    async def _follow_all(self) -> None:
        streams = [asyncio.create_task(self._follow(task_id)) for task_id in self._task_ids]
        await self._stopped.wait()
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)

    async def _follow(self, task_id: str) -> None:
        """Until it is stopped; a crowd that comes at once is told to come again (429)."""
        address = urlsplit(self._stack.api)
        asked = f"GET /v1/tasks/{task_id}/events HTTP/1.1\r\nHost: {address.netloc}\r\n"
        request = f"{asked}Authorization: Bearer {self._stack.api_key}\r\n\r\n".encode()
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
                self._opened.release()

    def _see(self, event: bytes, line: bytes) -> None:
        if event == PROGRESS:
            self.seen_s.setdefault(json.loads(line.removeprefix(b"data: "))["done"], time.perf_counter())
