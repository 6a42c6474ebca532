"""What the way to Triton costs beside the plain client, and what Triton makes of many small tasks at once."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import repeat
from typing import Any

import numpy as np
from echo import ECHO
from figures import Goal, Level, Ratio, Run, measure_in_turn
from pictures import make_png
from plain_http import PlainClient, ask_at_once
from stack import Stack, run_task, running_stack, upload
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput

from orchestrator.adapters.triton.engine import TritonEngine
from orchestrator.adapters.triton.figures import TritonFigures
from orchestrator.pipelines.inflight import ModelRoute, Request, infer_in_order
from orchestrator.pipelines.pipeline import CancelToken
from orchestrator.pipelines.placed_engine import PlacedEngine
from orchestrator.pipelines.watched_engine import WatchedEngine, noting
from orchestrator.ports.inference import Tensors
from orchestrator.telemetry import build_run_metrics
from orchestrator.wiring.timed_requests import timing

FRAME = np.random.default_rng(0).integers(0, 256, (1, 1080 * 1920 * 3), np.uint8)
REQUESTS, IN_FLIGHT = 40, 4
TASKS, AT_ONCE = 96, 16
POLL_S = 0.01
SMALL_SIDE = 16


def measure_inference(*, children: int, rounds: int) -> list[Ratio | Level]:
    """Frames of 1080p through the engine beside tritonclient alone; then tasks, sixteen at once and one by one."""
    with running_stack(lanes="io,image", workers=children) as stack:
        address = stack.triton["grpc"]
        ways = partial(send_through_the_service, address), partial(send_plainly, address)
        for way in ways:
            way()
        frames = measure_in_turn(*ways, rounds=2 * rounds)
        with stack.client() as client:
            png = make_png(SMALL_SIDE)
            key = upload(client, png, filename="small.png", content_type="image/png")
        upscale = {"type": "image.upscale", "input": {"object": key}}
        return [
            Ratio("engine_1080p", "s", Goal(1.05, at_least=False), frames),
            *measure_batches(stack, "echo", task=ECHO, rounds=rounds),
            *measure_batches(stack, "realesrgan_x4", task=upscale, rounds=rounds),
        ]


def send_through_the_service(address: str) -> float:
    """As a placed run sends them: in order, so many in flight, each timed and noted."""
    engine = TritonEngine(address)
    measured = WatchedEngine(engine, timing(build_run_metrics().triton_seconds))
    placed = PlacedEngine(WatchedEngine(measured, noting({})), "echo", "echo")
    route = ModelRoute(placed, "echo", ("output",), IN_FLIGHT, 60.0, CancelToken())
    begun = time.perf_counter()
    answers = infer_in_order(route, repeat(Request(None, {"input": FRAME}), REQUESTS))
    deque(map(_require_answer, answers), maxlen=0)
    took_s = time.perf_counter() - begun
    engine.close()
    return took_s


def send_plainly(address: str) -> float:
    """As its documentation sends them: callbacks, and a semaphore that keeps so many in flight."""
    client, room, landed = InferenceServerClient(address), threading.Semaphore(IN_FLIGHT), []
    outputs = [InferRequestedOutput("output")]

    def land(result: Any, error: Any) -> None:  # noqa: ANN401 - tritonclient is untyped
        landed.append(error or result.as_numpy("output"))
        room.release()

    begun = time.perf_counter()
    for _ in range(REQUESTS):
        room.acquire()
        tensor = InferInput("input", FRAME.shape, "UINT8")
        tensor.set_data_from_numpy(FRAME)
        client.async_infer("echo", [tensor], land, outputs=outputs)
        while landed:
            _require_frame(landed.pop())
    for _ in range(IN_FLIGHT):
        room.acquire()
    took_s = time.perf_counter() - begun
    client.close()
    return took_s


def _require_answer(answer: tuple[None, Tensors]) -> None:
    _require_frame(answer[1]["output"])


def _require_frame(answer: Any) -> None:  # noqa: ANN401 - an array or, of the plain client, an error
    if answer.shape != FRAME.shape:
        raise RuntimeError(f"no frame came back but {answer}")


def measure_batches(stack: Stack, model: str, *, task: dict[str, Any], rounds: int) -> Sequence[Ratio | Level]:
    """Tasks a second, and how many of them Triton ran together."""
    figures, together = TritonFigures(stack.triton["metrics"]), []

    def at_once() -> float:
        before = figures.read()[model]
        tasks_a_second = run_tasks(stack, task, clients=AT_ONCE)
        ran = figures.read()[model].since(before)
        together.append(ran.inferences / ran.executions)
        return tasks_a_second

    run_tasks(stack, task, clients=AT_ONCE)  # every child has its connections now
    runs: list[Run] = measure_in_turn(at_once, partial(run_tasks, stack, task, clients=1), rounds=rounds)
    figures.close()
    return [
        Ratio(f"at_once_{model}", "tasks/s", Goal(1.5, at_least=True), runs),
        Level(f"batch_{model}", "requests a run of the model", Goal(1.0, at_least=True), together),
    ]


def run_tasks(stack: Stack, task: dict[str, Any], *, clients: int) -> float:
    """A client for each that is on its way: submit, poll, the next."""
    count = TASKS if clients > 1 else TASKS // 4

    def run_share(client: PlainClient) -> None:
        for _ in range(count // clients):
            run_task(client, task, poll_s=POLL_S)

    connect: Callable[[], PlainClient] = stack.plain_client
    begun = time.perf_counter()
    ask_at_once(run_share, connect=connect, clients=clients)
    return count / (time.perf_counter() - begun)
