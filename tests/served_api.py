"""The HTTP API as tests need it: served by uvicorn on a free loopback port, over whatever parts a test hands it."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI


class PromptServer(uvicorn.Server):
    """Ends when it is told to. uvicorn itself looks up ten times a second, then gives connections a tenth to end:
    a fifth of a second for each of a thousand tests.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_told = asyncio.Event()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.is_told.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Nobody is left to answer: what a test leaves open is cut off."""
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        for task in self.server_state.tasks:
            task.cancel()
        await asyncio.gather(*self.server_state.tasks, return_exceptions=True)
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await self.lifespan.shutdown()


@contextmanager
def serve(app: FastAPI) -> Iterator[str]:
    """The base URL of the running application; requests queue in the socket until the server is up."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = PromptServer(config := uvicorn.Config(app, log_config=None, ws="none"))
    loop = (config.get_loop_factory() or asyncio.new_event_loop)()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(server.serve([listener]))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(server.is_told.set)
        thread.join(10)
