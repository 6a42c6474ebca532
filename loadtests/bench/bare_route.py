"""The peer of a submit: a FastAPI route that does one durable Redis write, served as our API is.

Run as a script it is the server: `bare_route.py --redis URL --port N`.
"""

import json
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI
from peer_process import listens, running_peer
from peer_server import serve_peer
from pydantic import BaseModel
from redis import Redis

from orchestrator.local.loopback import pick_ports


class Record(BaseModel):
    """What a client sends."""

    type: str
    params: dict[str, Any]


@contextmanager
def running_route(redis_url: str) -> Iterator[str]:
    """The URL of a running server that writes to ``redis_url``."""
    (port,) = pick_ports(1)
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, __file__, "--redis", redis_url, "--port", str(port)]
    with running_peer(command, answers=lambda: listens(url)):
        yield url


def build_route(redis_url: str) -> FastAPI:
    redis, app = Redis.from_url(redis_url), FastAPI()

    @app.post("/records", status_code=202)
    def write(record: Record) -> dict[str, str]:
        name = secrets.token_hex(8)
        redis.set(f"bare:{name}", json.dumps(record.model_dump()))
        return {"id": name}

    return app


if __name__ == "__main__":
    serve_peer(build_route, about=__doc__)
