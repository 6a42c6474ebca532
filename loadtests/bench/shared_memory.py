"""What system shared memory with Triton would save: tensors through it and on the wire, where all of ours go."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from time import perf_counter
from typing import Any

import numpy as np
from figures import BenchmarkVoid, Goal, Ratio, measure_in_turn
from stack import Stack, running_stack
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import shared_memory

CONTROL_HEADER = "triton-grpc-protocol-orchestrator-control"
NOISE = np.random.default_rng(0)


@dataclass(frozen=True, slots=True)
class Exchange:
    """What is asked again and again: ``count`` times, so many in flight."""

    figure: str
    model: str
    names: tuple[str, str]  # of its input and its output
    sent: np.ndarray[Any, Any]
    answered: tuple[int, ...]  # the shape of what comes back, uint8 too
    in_flight: int
    count: int


FRAMES = Exchange(
    "shared_memory_frames",
    "echo",
    ("input", "output"),
    NOISE.integers(0, 256, (1, 1080 * 1920 * 3), np.uint8),
    (1, 1080 * 1920 * 3),
    in_flight=4,
    count=40,
)
TILES = Exchange(
    "shared_memory_tiles",
    "realesrgan_x4",
    ("image", "upscaled"),
    NOISE.integers(0, 256, (1, 3, 192, 192), np.uint8),
    (1, 3, 768, 768),
    in_flight=1,
    count=4,
)


@dataclass(frozen=True, slots=True)
class Slot:
    """One request in flight: how its tensor is put into ``given``, and the answer taken from the result."""

    given: InferInput
    wanted: InferRequestedOutput
    fill: Callable[[], None]
    read: Callable[[Any], np.ndarray[Any, Any]]


Answer = tuple[Slot, Any, Any]  # the result and the error, one of which is None
Landed = SimpleQueue[Answer]


def measure_shared_memory(*, children: int, rounds: int) -> list[Ratio]:
    """Frames to a model that does nothing with them, and tiles to one that works: in shared memory ÷ on the wire."""
    del children
    with running_stack(lanes="io", workers=1) as stack:
        return [_measure(stack, exchange, rounds=rounds) for exchange in (FRAMES, TILES)]


def _measure(stack: Stack, exchange: Exchange, *, rounds: int) -> Ratio:
    ways = [partial(_take_time, stack, exchange, slots=slots) for slots in (_shared_slots, _wire_slots)]
    for way in ways:
        way()
    # Below one it would pay for such tensors.
    return Ratio(exchange.figure, "s", Goal(1.0, at_least=False), measure_in_turn(*ways, rounds=rounds))


def _take_time(stack: Stack, exchange: Exchange, *, slots: Any) -> float:  # noqa: ANN401 - one of the two below
    with InferenceServerClient(stack.triton["grpc"]) as client, slots(client, stack, exchange=exchange) as free:
        landed: Landed = SimpleQueue()

        def send() -> None:
            slot = free.popleft()
            slot.fill()
            hear = partial(_put, landed, slot)
            client.async_infer(exchange.model, [slot.given], hear, outputs=[slot.wanted])

        begun = perf_counter()
        for number in range(exchange.count):
            if number >= exchange.in_flight:
                free.append(_land(landed.get(), exchange))
            send()
        for _ in range(min(exchange.in_flight, exchange.count)):
            _land(landed.get(), exchange)
        return perf_counter() - begun


def _put(landed: Landed, slot: Slot, *, result: Any, error: Any) -> None:  # noqa: ANN401 - tritonclient is untyped
    landed.put((slot, result, error))


def _land(found: Answer, exchange: Exchange) -> Slot:
    slot, result, error = found
    if error is not None or slot.read(result).shape != exchange.answered:
        raise BenchmarkVoid(f"{exchange.model} did not answer as expected: {error}")
    return slot


@contextmanager
def _wire_slots(_client: Any, _stack: Stack, *, exchange: Exchange) -> Iterator[deque[Slot]]:  # noqa: ANN401 - untyped
    source, sink = exchange.names

    def slot() -> Slot:
        given = InferInput(source, list(exchange.sent.shape), "UINT8")
        fill = partial(given.set_data_from_numpy, exchange.sent)
        return Slot(given, InferRequestedOutput(sink), fill, lambda result: result.as_numpy(sink))

    yield deque(slot() for _ in range(exchange.in_flight))


@contextmanager
def _shared_slots(client: Any, stack: Stack, *, exchange: Exchange) -> Iterator[deque[Slot]]:  # noqa: ANN401 - untyped
    """Regions are registered once for each request in flight, copied into, and read in place."""
    headers, shape = {CONTROL_HEADER: stack.control_key}, exchange.answered
    with ExitStack() as regions:

        def region(name: str, size: int) -> Any:  # noqa: ANN401 - untyped
            made = shared_memory.create_shared_memory_region(name, f"/bench-{name}", size)
            regions.callback(shared_memory.destroy_shared_memory_region, made)
            client.register_system_shared_memory(name, f"/bench-{name}", size, headers=headers)
            regions.callback(client.unregister_system_shared_memory, name, headers=headers)
            return made

        def slot(number: int) -> Slot:
            source, sink = (f"{name}-{number}" for name in exchange.names)
            to, back = region(source, exchange.sent.nbytes), region(sink, int(np.prod(shape)))
            given = InferInput(exchange.names[0], list(exchange.sent.shape), "UINT8")
            given.set_shared_memory(source, exchange.sent.nbytes)
            wanted = InferRequestedOutput(exchange.names[1])
            wanted.set_shared_memory(sink, int(np.prod(shape)))
            fill = partial(shared_memory.set_shared_memory_region, to, [exchange.sent])
            return Slot(given, wanted, fill, lambda _: shared_memory.get_contents_as_numpy(back, np.uint8, shape))

        yield deque(slot(number) for number in range(exchange.in_flight))
