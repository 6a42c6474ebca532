"""The stack that is measured: started and stopped by the command line, used over HTTP as any client would."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from figures import BenchmarkVoid
from plain_http import PlainClient

ROOT = Path(__file__).resolve().parents[2]
SCRATCH = ROOT / ".bench"
NO_CHANGE: Mapping[str, str] = {}
TERMINAL = frozenset({"succeeded", "failed", "canceled"})


@dataclass(frozen=True, slots=True)
class Stack:
    """Where a running stack and its Triton listen, and the pid of each of its parts, as `stack.json` says.

    ``control_key`` opens what Triton does not let everybody do.
    """

    api: str
    api_key: str
    redis: str
    triton: Mapping[str, str]
    processes: Mapping[str, int]
    control_key: str

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.api, headers={"Authorization": f"Bearer {self.api_key}"}, timeout=30)

    def plain_client(self) -> PlainClient:
        return PlainClient(self.api, api_key=self.api_key)


@contextmanager
def running_stack(*, lanes: str, workers: int, settings: Mapping[str, str] = NO_CHANGE) -> Iterator[Stack]:
    """A stack with a state of its own, on free ports: what ran before must not count in it.

    ``settings`` by their names after `ORCH_` are set instead of the defaults.
    """
    SCRATCH.mkdir(exist_ok=True)
    orchestrator = [sys.executable, "-m", "orchestrator"]
    with TemporaryDirectory(prefix="stack-", dir=SCRATCH) as state:
        options = ["--state", state, "--port", "0", "--lanes", lanes, "--workers", str(workers)]
        environment = {**os.environ, **{f"ORCH_{name}": value for name, value in settings.items()}}
        subprocess.run([*orchestrator, "up", "--detach", *options], check=True, stdout=sys.stderr, env=environment)
        try:
            yield read_stack(Path(state))
        finally:
            subprocess.run([*orchestrator, "down", "--state", state], check=True, stdout=sys.stderr)


def read_stack(state: Path) -> Stack:
    """The stack that is running in the folder."""
    found = json.loads((state / "stack.json").read_text())
    known = {name: found[name] for name in ("api", "api_key", "redis", "triton", "processes")}
    return Stack(**known, control_key=(state / "triton-control-key").read_text().strip())


def upload(client: httpx.Client, body: bytes, *, filename: str, content_type: str) -> str:
    """Put a file into the project's storage and return its key."""
    asked = {"filename": filename, "content_type": content_type, "size_bytes": len(body)}
    offer = client.post("/v1/uploads", json=asked).raise_for_status().json()
    httpx.put(offer["url"], content=body, headers=offer["headers"], timeout=60).raise_for_status()
    key: str = offer["object"]
    return key


def run_task(client: PlainClient, task: dict[str, Any], *, poll_s: float) -> dict[str, Any]:
    """Submit, poll until the task is terminal, and require that it succeeded."""
    view = client.post("/v1/tasks", task)
    while view["status"] not in TERMINAL:
        time.sleep(poll_s)
        view = client.get(view["links"]["self"])
    if view["status"] != "succeeded":
        raise BenchmarkVoid(f"{task['type']} {view['status']}: {view['error']}")
    return view


def has_tasks(client: PlainClient, status: str) -> bool:
    """Whether the project has any task with this status."""
    return bool(client.get(f"/v1/tasks?status={status}&limit=1")["items"])


def await_idle(client: PlainClient) -> None:
    """Return when every task of the project has ended, and require that none failed."""
    while has_tasks(client, "queued") or has_tasks(client, "running"):
        time.sleep(0.05)
    if has_tasks(client, "failed"):
        raise BenchmarkVoid("some task failed")
