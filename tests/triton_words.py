"""How Triton, or a server that speaks its protocol, is made to say what it says when a call does not go well."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fake_triton import FakeTriton, fake_triton
from fault_proxy import fault_proxy
from grpc import StatusCode
from numpy.typing import NDArray
from processes import wait_for
from servers import Triton, rehearsal, wait_for_file
from tritonclient.grpc import InferInput
from tritonclient.utils import InferenceServerException

from orchestrator.adapters.triton.channel import connect
from orchestrator.adapters.triton.control import TritonControl
from orchestrator.adapters.triton.engine import TritonEngine
from orchestrator.adapters.triton.status import parse_error
from orchestrator.domain.errors import (
    Overloaded,
)
from orchestrator.local.loopback import pick_ports
from orchestrator.ports.inference import Inference, Tensors

BYTES = np.arange(6, dtype=np.uint8).reshape(2, 3)
ANSWERED_S = 10.0
LONG_MS = 8_000


@dataclass
class Room:
    """The real server, one that says anything, and our ways to both."""

    triton: Triton
    fake: FakeTriton
    engine: TritonEngine
    control: TritonControl
    faked_engine: TritonEngine
    faked_control: TritonControl
    folder: Path

    def rehearse(self, inputs: Tensors) -> Inference:
        return self.engine.submit("rehearsal", inputs, outputs=("call",))

    def occupy(self) -> Inference:
        """The only instance of `rehearsal`, once it is idle: what was cancelled before stays queued for a while."""
        wait_for(self.is_idle)
        running = self.rehearse(rehearsal(delay_ms=LONG_MS, mark=self.folder / "running"))
        wait_for_file(self.folder / "running")
        return running

    def is_idle(self) -> bool:
        with suppress(Overloaded):
            self.rehearse(rehearsal()).result(ANSWERED_S)
            return True
        return False

    def add_model(self, name: str, *, config: str = "") -> None:
        """A copy of `rehearsal`, with more in its configuration."""
        copy = shutil.copytree(self.triton.repository / "rehearsal", self.triton.repository / name, dirs_exist_ok=True)
        (copy / "config.pbtxt").write_text((copy / "config.pbtxt").read_text() + config)


@contextmanager
def open_room(triton: Triton, folder: Path) -> Iterator[Room]:
    address, key = triton.grpc, triton.control_key
    with ExitStack() as opened:
        fake = opened.enter_context(fake_triton(options=(("grpc.max_receive_message_length", 1000),)))
        engine = opened.enter_context(closing(TritonEngine(address)))
        control = opened.enter_context(closing(TritonControl(address, control_key=key)))
        faked_engine = opened.enter_context(closing(TritonEngine(fake.address)))
        faked_control = opened.enter_context(closing(TritonControl(fake.address, control_key=key)))
        yield Room(triton, fake, engine, control, faked_engine, faked_control, folder)


def queue_full(room: Room) -> None:
    running = room.occupy()
    waiting = [room.rehearse(rehearsal()) for _ in range(8)]  # four may
    try:
        for inference in reversed(waiting):
            inference.result(ANSWERED_S)
    finally:
        for inference in (*waiting, running):
            inference.cancel()


def queue_timeout(room: Room) -> None:
    running = room.occupy()
    try:
        room.rehearse(rehearsal()).result(ANSWERED_S)
    finally:
        running.cancel()


def refused_connection(_room: Room) -> None:
    with closing(TritonEngine(f"127.0.0.1:{pick_ports(1)[0]}")) as engine:
        engine.submit("echo", {"input": BYTES}, outputs=("output",)).result(ANSWERED_S)


def reset_connection(room: Room) -> None:
    mark = room.folder / "reset"
    with fault_proxy(room.triton.ports.grpc) as proxy, closing(TritonEngine(f"127.0.0.1:{proxy.port}")) as engine:
        inference = engine.submit("rehearsal", rehearsal(delay_ms=LONG_MS, mark=mark), outputs=("call",))
        wait_for_file(mark)
        proxy.reset()
        inference.result(ANSWERED_S)


def without_key(room: Room) -> None:
    with closing(TritonControl(room.triton.grpc, control_key="wrong")) as stranger:
        stranger.index()


def unloaded(room: Room, *, version: str = "") -> None:
    """Our engine names no version; the row is there for who would."""
    if "gone" not in {row.name for row in room.control.index()}:
        room.add_model("gone")
        room.control.load("gone")
        room.control.unload("gone")
    inputs = [_input(name, array) for name, array in rehearsal().items()]
    client = connect(room.triton.grpc)
    try:
        client.infer("gone", inputs, model_version=version, client_timeout=ANSWERED_S)
    except InferenceServerException as error:
        raise parse_error(error) from error
    finally:
        client.close()


def _input(name: str, array: NDArray[Any]) -> InferInput:
    kind = {"delay_ms": "INT32"}.get(name, "BYTES")
    return InferInput(name, array.shape, kind).set_data_from_numpy(array)


def load_without_memory(room: Room) -> None:
    words = 'key: "load_failure" value: { string_value: "CUDA error: out of memory" }'
    room.add_model("unloadable", config=f"\nparameters {{ {words} }}\n")
    room.control.load("unloadable")


def load_of_nothing(room: Room) -> None:
    room.control.load("no_such_folder")


def echoed(room: Room, array: NDArray[Any], *, model: str = "echo") -> None:
    room.engine.submit(model, {"input": array}, outputs=("output",)).result(ANSWERED_S)


def fails_with(words: str) -> Callable[[Room], object]:
    return lambda room: room.rehearse(rehearsal(failure=words)).result(ANSWERED_S)


def past_deadline(room: Room) -> None:
    with closing(TritonEngine(room.triton.grpc, deadline_s=0.2)) as hasty:
        hasty.submit("rehearsal", rehearsal(delay_ms=LONG_MS), outputs=("call",)).result(ANSWERED_S)


def cancelled(room: Room) -> None:
    inference = room.occupy()
    timer = threading.Timer(0.1, inference.cancel)
    timer.start()
    try:
        inference.result(ANSWERED_S)
    finally:
        timer.join()


def said(code: StatusCode, words: str) -> Callable[[Room], object]:
    """To a request, by the server that says anything."""

    def ask(room: Room) -> None:
        room.fake.say(code, words)
        room.faked_engine.submit("m", {}, outputs=()).result(ANSWERED_S)

    return ask


def said_to_control(code: StatusCode, words: str) -> Callable[[Room], object]:
    def ask(room: Room) -> None:
        room.fake.say(code, words)
        room.faked_control.load("m")

    return ask


def larger_than_the_server_takes(room: Room) -> None:
    large = np.zeros((1, 2000), np.uint8)
    room.faked_engine.submit("m", {"input": large}, outputs=("output",)).result(ANSWERED_S)
