"""A worker of lane `io` without an inference server, a script configured by `ORCH_*`.

Its tasks hang or grow when asked to, and SIGUSR2 makes it deaf.
"""

import re
import signal
import threading
from dataclasses import replace

from fakes_engine import FakeControl, FakeEngine, served_by
from kombu.asynchronous import get_event_loop

from orchestrator.ports.inference import Tensors
from orchestrator.settings import Settings
from orchestrator.telemetry import configure_logging
from orchestrator.wiring.worker import WorkerPorts, build_worker_ports
from orchestrator.worker import run_worker

# What an echo of so many bytes does instead of an echo.
HANGS_IN_C = 13
HANGS_IN_PYTHON = 17
GROWS = 19
GROWN_BYTES = 512 << 20
hoard: list[bytes] = []


def echo(inputs: Tensors) -> Tensors:
    size_bytes = inputs["input"].size
    if size_bytes == HANGS_IN_C:
        re.match(r"(a+)+$", "a" * 64 + "b")  # for ages, and no other thread of this process runs meanwhile
    if size_bytes == HANGS_IN_PYTHON:
        threading.Event().wait()
    if size_bytes == GROWS:
        hoard.append(b"x" * GROWN_BYTES)
    return {"output": inputs["input"]}


def build_ports(settings: Settings) -> WorkerPorts:
    ports = build_worker_ports(settings)
    return replace(ports, server=served_by(FakeEngine({"echo": echo}), FakeControl({"echo": "READY"})))


def go_deaf(*_: object) -> None:
    """The broker's client loses its place in the event loop, as it did in earlier versions (stack facts A.4)."""
    loop = get_event_loop()
    assert loop is not None
    for callback in [tick for tick in loop.on_tick if "on_poll_start" in tick.__qualname__]:
        loop.on_tick.remove(callback)
    for file, (callback, _) in list(loop.readers.items()):
        if "on_readable" in getattr(callback, "__qualname__", ""):
            loop.remove_reader(file)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR2, go_deaf)
    configure_logging(level="info", as_json=True)
    run_worker(Settings(), lane="io", build_ports=build_ports)
