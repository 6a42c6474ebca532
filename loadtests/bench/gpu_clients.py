"""Clients of a Triton in processes of their own, each with the service's engine and several requests in flight."""

import multiprocessing
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from multiprocessing.synchronize import Barrier

import numpy as np

from orchestrator.adapters.triton.engine import TritonEngine
from orchestrator.pipelines.inflight import ModelRoute, Request, infer_in_order
from orchestrator.pipelines.pipeline import CancelToken

REQUEST_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Traffic:
    """The same request again and again, ``in_flight`` at a time from each client."""

    model: str
    input: str
    outputs: tuple[str, ...]
    shape: tuple[int, ...]
    clients: int
    in_flight: int
    warm_ups: int = 24  # TorchScript compiles in the first calls of a shape, on every instance


def items_per_second(traffic: Traffic, address: str, *, seconds: float) -> float:
    """All clients together, from the moment they are all warm."""
    context = multiprocessing.get_context("spawn")  # a gRPC channel does not survive a fork (stack facts A.10)
    barrier, counts = context.Barrier(traffic.clients), context.Queue()
    shared = {"barrier": barrier, "counts": counts, "seconds": seconds}
    clients = [
        context.Process(target=run_client, args=(traffic, address), kwargs=shared) for _ in range(traffic.clients)
    ]
    for client in clients:
        client.start()
    found = [counts.get(timeout=REQUEST_TIMEOUT_S + 4 * seconds) for _ in clients]
    for client in clients:
        client.join()
    return float(sum(found))


def run_client(
    traffic: Traffic, address: str, *, barrier: Barrier, counts: "multiprocessing.Queue[float]", seconds: float
) -> None:
    """Warm up, wait for the others, count the answers that come within ``seconds``."""
    pixels = np.random.default_rng(0).integers(0, 256, traffic.shape, np.uint8)
    request = Request(None, {traffic.input: pixels})
    engine = TritonEngine(address)
    route = ModelRoute(engine, traffic.model, traffic.outputs, traffic.in_flight, REQUEST_TIMEOUT_S, CancelToken())
    for _ in infer_in_order(route, repeat(request, traffic.warm_ups)):
        pass
    barrier.wait()
    begun = time.perf_counter()
    count = sum(1 for _ in infer_in_order(route, repeat_until(request, begun + seconds)))
    counts.put(len(pixels) * count / (time.perf_counter() - begun))
    engine.close()


def repeat_until(request: Request[None], ends: float) -> Iterator[Request[None]]:
    while time.perf_counter() < ends:
        yield request
