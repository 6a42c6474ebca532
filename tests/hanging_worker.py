"""A worker of lane `io` without an inference server; its tasks hang when asked to. A script, configured by `ORCH_*`."""

import re
import threading
from dataclasses import replace

from fakes_engine import FakeControl, FakeEngine

from orchestrator.ports.inference import Tensors
from orchestrator.settings import Settings
from orchestrator.telemetry import configure_logging
from orchestrator.wiring.worker import WorkerPorts, build_worker_ports
from orchestrator.worker import run_worker

# What an echo of so many bytes does instead of an echo.
HANGS_IN_C = 13
HANGS_IN_PYTHON = 17


def echo(inputs: Tensors) -> Tensors:
    size_bytes = inputs["input"].size
    if size_bytes == HANGS_IN_C:
        re.match(r"(a+)+$", "a" * 64 + "b")  # for ages, and no other thread of this process runs meanwhile
    if size_bytes == HANGS_IN_PYTHON:
        threading.Event().wait()
    return {"output": inputs["input"]}


def build_ports(settings: Settings) -> WorkerPorts:
    ports = build_worker_ports(settings)
    return replace(ports, engine=FakeEngine({"echo": echo}), control=FakeControl({"echo": "READY"}))


if __name__ == "__main__":
    configure_logging(level="info", as_json=True)
    run_worker(Settings(), lane="io", build_ports=build_ports)
