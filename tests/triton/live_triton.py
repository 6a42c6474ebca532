"""A real Triton for tests: started with launch.py as the product starts it, on free ports, in a folder of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

LAUNCH = Path(__file__).resolve().parents[2] / "triton" / "launch.py"
CONTROL_KEY = "key-of-the-tests"


def wait_until(holds: Callable[[], bool], what: str, *, deadline_s: float = 10.0) -> None:
    """Wait until a condition holds, or fail and say what did not happen."""
    ends = time.monotonic() + deadline_s
    pause = threading.Event()
    while not holds():
        if time.monotonic() > ends:
            pytest.fail(f"{what}: not within {deadline_s} s")
        pause.wait(0.02)


@dataclass(frozen=True)
class LiveTriton:
    """A running server: the process of its warden, its ports and its log."""

    process: subprocess.Popen[bytes]
    http_port: int
    grpc_port: int
    metrics_port: int
    warden_port: int
    log: Path

    @property
    def control_headers(self) -> dict[str, str]:
        """The gRPC headers that open model control."""
        return {"triton-grpc-protocol-orchestrator-control": CONTROL_KEY}

    def connect(self) -> InferenceServerClient:
        return InferenceServerClient(f"127.0.0.1:{self.grpc_port}")

    def is_ready(self) -> bool:
        """Ask once; a server that has ended is a failure at once."""
        if self.process.poll() is not None:
            pytest.fail(f"launch.py ended with status {self.process.returncode}: {self.log.read_text('utf-8')}")
        try:
            with self.connect() as probe:
                return bool(probe.is_server_ready())
        except InferenceServerException:
            return False

    def metric(self, name: str, model: str) -> float:
        """Read the sum of one metric over a model's label sets; 0 when it is not exported."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        label = f'model="{model}"'
        return sum(float(line.split()[-1]) for line in lines if line.startswith(f"{name}{{") and label in line)


def start_triton(folder: Path, repository: Path) -> LiveTriton:
    """Start the server with `echo` loaded; the caller waits until it is ready, and ends it."""
    (folder / "key").write_text(CONTROL_KEY, encoding="utf-8")
    http, grpc, metrics, warden = free_ports(4)
    arguments = {
        "--model-repository": repository,
        "--workdir": folder / "work",
        "--http-port": http,
        "--grpc-port": grpc,
        "--metrics-port": metrics,
        "--warden-port": warden,
        "--control-key-file": folder / "key",
        "--model": "echo",
    }
    words = [str(word) for pair in arguments.items() for word in pair]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, str(LAUNCH), *words], stdout=log, stderr=log)
    return LiveTriton(process, http, grpc, metrics, warden, folder / "log")


def free_ports(count: int) -> list[int]:
    """Pick ports nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports
