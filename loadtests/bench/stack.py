"""The stack that is measured: started and stopped by the command line, used over HTTP as any client would."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

TERMINAL = frozenset({"succeeded", "failed", "canceled"})


class BenchmarkVoid(Exception):
    """What ran is not what was to be measured; a figure would be a lie."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Where a running stack listens, as `stack.json` says."""

    api: str
    api_key: str
    redis: str

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.api, headers={"Authorization": f"Bearer {self.api_key}"}, timeout=30)


@contextmanager
def running_stack(state: Path, *, lanes: str, workers: int) -> Iterator[Stack]:
    """A stack of its own in ``state``, on free ports, stopped afterwards."""
    orchestrator = [sys.executable, "-m", "orchestrator"]
    options = ["--state", str(state), "--port", "0", "--lanes", lanes, "--workers", str(workers)]
    subprocess.run([*orchestrator, "up", "--detach", *options], check=True, stdout=sys.stderr)
    try:
        found = json.loads((state / "stack.json").read_text())
        yield Stack(api=found["api"], api_key=found["api_key"], redis=found["redis"])
    finally:
        subprocess.run([*orchestrator, "down", "--state", str(state)], check=True, stdout=sys.stderr)


def upload(client: httpx.Client, path: Path, *, content_type: str) -> str:
    """Put a file into the project's storage and return its key."""
    asked = {"filename": path.name, "content_type": content_type, "size_bytes": path.stat().st_size}
    offer = client.post("/v1/uploads", json=asked).raise_for_status().json()
    httpx.put(offer["url"], content=path.read_bytes(), headers=offer["headers"], timeout=60).raise_for_status()
    key: str = offer["object"]
    return key


def run_task(client: httpx.Client, task: dict[str, Any], *, poll_s: float) -> dict[str, Any]:
    """Submit, poll until the task is terminal, and require that it succeeded."""
    view: dict[str, Any] = client.post("/v1/tasks", json=task).raise_for_status().json()
    while view["status"] not in TERMINAL:
        time.sleep(poll_s)
        view = client.get(view["links"]["self"]).raise_for_status().json()
    if view["status"] != "succeeded":
        raise BenchmarkVoid(f"{task['type']} {view['status']}: {view['error']}")
    return view


def has_tasks(client: httpx.Client, status: str) -> bool:
    """Whether the project has any task with this status."""
    page = client.get("/v1/tasks", params={"status": status, "limit": 1}).raise_for_status().json()
    return bool(page["items"])
