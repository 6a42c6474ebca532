"""The main program of a peer that serves HTTP: `--redis URL --port N`, and a route that says that it is there."""

import argparse
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI


def serve_peer(build: Callable[[str], FastAPI], *, about: str | None) -> None:
    """Serve what ``build`` makes for a Redis, as our API is served, until SIGTERM."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--redis", required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    app = build(options.redis)

    @app.get("/ready")
    async def ready() -> dict[str, str]:
        return {}

    uvicorn.run(app, port=options.port, log_config=None, access_log=False)
