"""A warden with a stand-in for its server, and how to ask at its door."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from live_triton import CONTROL_KEY, free_ports, wait_until
from warden import processes

TRITON = Path(processes.__file__).parents[1]
# A server with one stub: it marks its start, and ends on SIGTERM unless it is told to be deaf.
STAND_IN = """
import os, signal, subprocess, sys, time
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
stub = subprocess.Popen(["sleep", "600"])
with open("starts", "a") as starts:
    starts.write(f"{os.getpid()} {stub.pid}\\n")
time.sleep(600)
"""
KEEPER = """
import sys
from pathlib import Path
from warden.keep import keep
from warden.pools import Pools
from warden.server import Server
port, grace_s, *command = sys.argv[1:]
server = Server(command, {}, cwd=Path.cwd(), grace_s=float(grace_s))
address, pools = ("127.0.0.1", int(port)), Pools(cuda=8, gpus=2)
sys.exit(keep(server, address=address, control_key="key-of-the-tests", releases=Path("pushed"), pools=pools))
"""

Answer = tuple[int, Any]


def ask(port: int, path: str, *, body: bytes | None = None, key: str = CONTROL_KEY, method: str = "GET") -> Answer:
    """The status and the JSON of an answer."""
    url = f"http://127.0.0.1:{port}{path}"
    headers = {"Authorization": f"Bearer {key}"}
    request = urllib.request.Request(url, data=body, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own door
            return int(answer.status), json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def restart(port: int, reason: str) -> int:
    status, _ = ask(port, "/restart", body=json.dumps({"reason": reason}).encode(), method="POST")
    return status


def is_gone(pid: int) -> bool:
    """Whether no such process runs; one that nobody has buried yet runs no more."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


@dataclass(frozen=True)
class Kept:
    """A warden with a stand-in for the server."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path

    def starts(self) -> list[tuple[int, int]]:
        """The pids of each server that was started, and of its stub."""
        path = self.folder / "starts"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(int(line.split()[0]), int(line.split()[1])) for line in lines]

    def await_start(self, count: int) -> tuple[int, int]:
        wait_until(lambda: len(self.starts()) >= count, f"start {count}", deadline_s=30)
        return self.starts()[count - 1]

    def await_door(self) -> None:
        def is_open() -> bool:
            try:
                return ask(self.port, "/memory")[0] == 200
            except OSError:
                return False

        wait_until(is_open, "the door is open", deadline_s=30)


def start_kept(folder: Path, *words: str, grace_s: float) -> Kept:
    """Start one that the caller ends; ``words`` tell the stand-in how to behave."""
    (port,) = free_ports(1)
    command = [sys.executable, "-c", KEEPER, str(port), str(grace_s), sys.executable, "-c", STAND_IN, *words]
    env = {**os.environ, "PYTHONPATH": str(TRITON)}
    return Kept(subprocess.Popen(command, cwd=folder, env=env, start_new_session=True), port, folder)
