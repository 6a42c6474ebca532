"""Triton's processes die and hang, and whoever watches it mends that. Every test is named after its fault's number."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from fakes_residency import FakeResidency
from processes import children_of, wait_for
from prometheus_client import CollectorRegistry
from servers import Triton, rehearsal, triton, wait_for_file

from orchestrator.adapters.system_clock import SystemClock
from orchestrator.adapters.triton.control import TritonControl
from orchestrator.adapters.triton.engine import TritonEngine
from orchestrator.adapters.triton.figures import TritonFigures
from orchestrator.adapters.triton_warden import TritonWarden
from orchestrator.domain.errors import Unavailable
from orchestrator.domain.model import Instance, Resident, ResidentState
from orchestrator.domain.stall import StallRule
from orchestrator.ports.inference import Tensors
from orchestrator.services.residency.watch_triton import WatchedServer, WatchRules, WatchTriton
from orchestrator.telemetry import build_watch_metrics

PATIENCE_S = 90.0
RULES = WatchRules(canary_every_s=1.0, canary_within_s=4.0)
STALLED_S = 3.0
ECHO = np.arange(6, dtype=np.uint8).reshape(2, 3)


@dataclass
class Room:
    """A Triton with `echo` and `rehearsal`, and whoever watches it."""

    triton: Triton
    engine: TritonEngine
    control: TritonControl
    warden: TritonWarden
    residency: FakeResidency
    watch: WatchTriton

    @property
    def server(self) -> int:
        """The pid of the server itself."""
        (server,) = children_of(self.triton.process.pid)
        return server

    def stub(self, model: str) -> int:
        """The pid of the process that runs the model."""
        (found,) = (pid for pid in children_of(self.server) if f"/{model}/".encode() in command_of(pid))
        return found

    def echoes(self) -> bool:
        return self.answers("echo", {"input": ECHO}, output="output")

    def rehearses(self) -> bool:
        return self.answers("rehearsal", rehearsal(), output="call")

    def answers(self, model: str, inputs: Tensors, *, output: str) -> bool:
        try:
            self.engine.submit(model, inputs, outputs=(output,)).result(10)
        except Unavailable:
            return False
        return True

    @property
    def illness(self) -> str:
        (instance,) = self.residency.instances()
        return instance.reason

    def watch_until_restarted(self, *, was: int, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Return when another server than ``was`` is well."""

        def is_well_again() -> bool:
            meanwhile()
            self.watch.tick()
            return children_of(self.triton.process.pid) != [was] and self.illness == "" and self.echoes()

        wait_for(is_well_again, within_s=PATIENCE_S)


def command_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.fixture(scope="module")
def own_triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Triton]:
    with triton(tmp_path_factory.mktemp("watched"), models=("echo", "rehearsal")) as server:
        yield server


@pytest.fixture
def room(own_triton: Triton) -> Iterator[Room]:
    address, key = own_triton.grpc, own_triton.control_key
    residency = FakeResidency()
    residency.note_instance(Instance(address))
    for model in ("echo", "rehearsal"):
        residency.note(address, Resident(model, ResidentState.READY))
    with ExitStack() as opened:
        engine = opened.enter_context(closing(TritonEngine(address)))
        control = opened.enter_context(closing(TritonControl(address, control_key=key)))
        figures = opened.enter_context(closing(TritonFigures(own_triton.metrics_url)))
        warden = opened.enter_context(closing(TritonWarden(own_triton.warden_url, control_key=key)))
        server = WatchedServer(address, engine, control, figures, warden)
        metrics = build_watch_metrics(CollectorRegistry())
        watch = WatchTriton(server, residency, RULES, StallRule(STALLED_S), SystemClock(), metrics)
        wait_for(lambda: control.is_ready("echo") and control.is_ready("rehearsal"))
        yield Room(own_triton, engine, control, warden, residency, watch)


def test_fault_23_a_dead_stub_of_the_canary_is_replaced(room: Room) -> None:
    room.watch.tick()
    os.kill(room.stub("echo"), signal.SIGKILL)
    assert not room.echoes()
    assert room.control.is_ready("echo"), "Triton believes in it still"

    def is_mended() -> bool:
        room.watch.tick()
        return room.echoes()

    began_s = time.monotonic()
    wait_for(is_mended)
    assert time.monotonic() - began_s < 30
    assert room.illness == ""


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
def test_fault_23_a_dead_stub_of_another_model_is_replaced_and_so_is_one_that_stands_still(
    room: Room, fault: signal.Signals
) -> None:
    assert room.rehearses()
    room.watch.tick()
    os.kill(room.stub("rehearsal"), fault)
    for _ in range(2):
        assert not room.rehearses()
    assert room.control.is_ready("rehearsal"), "Triton believes in it still"

    def is_mended() -> bool:
        room.watch.tick()
        return room.rehearses()

    wait_for(is_mended)
    assert room.illness == ""


def test_fault_23_a_backend_that_does_not_come_to_an_end_has_the_server_restarted(room: Room, tmp_path: Path) -> None:
    was = room.server
    room.watch.tick()
    running = room.engine.submit("rehearsal", rehearsal(delay_ms=60_000, mark=tmp_path / "mark"), outputs=("call",))
    wait_for_file(tmp_path / "mark")
    room.watch_until_restarted(was=was, meanwhile=lambda: room.engine.submit("rehearsal", rehearsal(), outputs=()))
    with pytest.raises(Unavailable):
        running.result(PATIENCE_S)
    wait_for(room.rehearses)


def test_fault_23_a_server_that_hangs_is_restarted(room: Room) -> None:
    was = room.server
    room.watch.tick()
    os.kill(was, signal.SIGSTOP)
    room.watch_until_restarted(was=was)
    wait_for(room.rehearses)


def test_fault_27_a_server_that_is_killed_takes_its_warden_along_and_comes_back_with_its_models(room: Room) -> None:
    room.watch.tick()
    os.kill(room.server, signal.SIGKILL)
    assert room.triton.process.wait(30) == 128 + signal.SIGKILL
    room.watch._due_s = 0.0
    room.watch.tick()
    assert "away" in room.illness
    room.triton.start()

    def is_well() -> bool:
        room.watch.tick()
        return room.illness == ""

    wait_for(is_well)
    wait_for(lambda: room.echoes() and room.rehearses())
