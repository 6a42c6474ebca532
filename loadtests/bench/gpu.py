"""The embedded Triton on a GPU: memory at every step, and frames a second beside a bare torch loop on the same GPU.

`gpu.py [memory upscale_540p ...]`, in .venv, with .venv-triton beside it: one JSON line a figure. Without a GPU it
runs too, on the CPU, which is good for trying the script.
"""

import argparse
import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

from gpu_clients import Traffic, items_per_second
from gpu_server import SETTLE_S, Server, driver_memory_mib, running_triton
from stack import ROOT

from orchestrator.local.triton import TritonProject

PROJECT = TritonProject(ROOT)
UPSCALE, SHOTS = "realesrgan_x4", "transnetv2"
BARE_TORCH = Path(__file__).with_name("bare_torch.py")
WAYS = ("copied", "pinned", "resident")
PARTS = ("queue", "compute_input", "compute_infer", "compute_output")


def upscale(*shape: int, clients: int, in_flight: int) -> Traffic:
    return Traffic(UPSCALE, "image", ("upscaled",), shape, clients, in_flight)


def shots(*shape: int, clients: int, in_flight: int) -> Traffic:
    return Traffic(SHOTS, "INPUT__0", ("OUTPUT__0",), shape, clients, in_flight)


CASES: Mapping[str, Traffic] = {
    "upscale_tile": upscale(1, 3, 192, 192, clients=4, in_flight=4),
    "upscale_tiles_8": upscale(8, 3, 192, 192, clients=4, in_flight=2),
    "upscale_540p": upscale(1, 3, 540, 960, clients=4, in_flight=2),
    "upscale_1080p": upscale(1, 3, 1080, 1920, clients=4, in_flight=2),
    "shots": shots(1, 100, 27, 48, 3, clients=4, in_flight=2),
    "shots_4": shots(4, 100, 27, 48, 3, clients=4, in_flight=2),
}


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for; ``clients`` of nothing is one, then each case's own number."""

    seconds: float
    names: Sequence[str]
    clients: Sequence[int]
    warm_ups: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--clients", type=int, action="append", help="instead of each case's own; may be repeated")
    parser.add_argument("--warm-ups", type=int, default=24, help="TorchScript compiles in the first runs of a shape")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"memory or any of {', '.join(CASES)}; default all")
    given = parser.parse_args()
    options = Options(given.seconds, given.names or ["memory", *CASES], given.clients or [], given.warm_ups)
    if unknown := sorted(set(options.names) - {"memory", *CASES}):
        parser.error(f"no figure {', '.join(unknown)}")
    for figure in measure(options):
        print(json.dumps(figure), flush=True)


def measure(options: Options) -> Iterator[dict[str, Any]]:
    """The memory first, as a server that has run leaves traces; then bare, ours, bare: a drift would show."""
    cases = {name: CASES[name] for name in options.names if name in CASES}
    yield {"figure": "memory", "at": "before the server", "driver_mib": driver_memory_mib()}
    with running_triton(PROJECT) as server:
        if "memory" in options.names:
            yield from follow_memory(server)
        before = measure_bare(cases, options)
        served = [
            one
            for name, traffic in cases.items()
            for one in measure_served(name, traffic, server=server, options=options)
        ]
        after = measure_bare(cases, options)
    for one in served:
        bare = [before[one["figure"]], after[one["figure"]]]
        yield one | {way: [round(run[way], 2) for run in bare] for way in WAYS} | ratios(one["served"], bare)


def follow_memory(server: Server) -> Iterator[dict[str, Any]]:
    """Load, run, evict, unload; and three times again, to see whether anything stays."""
    frame, window = CASES["upscale_540p"], CASES["shots"]

    def run(traffic: Traffic) -> None:
        items_per_second(replace(traffic, clients=1), server.address, seconds=SETTLE_S)

    def both() -> None:
        server.control.load(SHOTS)
        server.control.load(UPSCALE)

    steps: list[tuple[str, Callable[[], None]]] = [
        ("server started", lambda: None),
        ("echo loaded", lambda: server.control.load("echo")),
        ("echo unloaded", lambda: server.control.unload("echo")),
        (f"{UPSCALE} loaded", lambda: server.control.load(UPSCALE)),
        (f"{UPSCALE} ran 540p", lambda: run(frame)),
        (f"{SHOTS} loaded beside it", lambda: server.control.load(SHOTS)),
        (f"{SHOTS} ran", lambda: run(window)),
        (f"{UPSCALE} evicted", lambda: server.control.unload(UPSCALE)),
        (f"{SHOTS} unloaded", lambda: server.control.unload(SHOTS)),
    ]
    for again in range(2, 5):
        steps += [
            (f"both loaded, time {again}", both),
            (f"{UPSCALE} ran, time {again}", lambda: run(frame)),
            (f"{UPSCALE} unloaded, time {again}", lambda: server.control.unload(UPSCALE)),
            (f"{SHOTS} unloaded, time {again}", lambda: server.control.unload(SHOTS)),
        ]
    for name, step in steps:
        begun = time.perf_counter()
        step()
        took = time.perf_counter() - begun
        at_once = driver_memory_mib()
        time.sleep(SETTLE_S)
        yield {
            "figure": "memory",
            "at": name,
            "took_s": round(took, 2),
            "driver_mib_at_once": at_once,
            "driver_mib": driver_memory_mib(),
            "triton_mib": server.gpu_memory_mib(),
        }


def measure_served(name: str, traffic: Traffic, *, server: Server, options: Options) -> Iterator[dict[str, Any]]:
    """Items a second with each number of clients, and what Triton says of where a request's time went."""
    server.control.load(traffic.model)
    for clients in options.clients or (1, traffic.clients):
        before = server.model_counters(traffic.model)
        scaled = replace(traffic, clients=clients, warm_ups=options.warm_ups)
        served = items_per_second(scaled, server.address, seconds=options.seconds)
        grown = Counter(server.model_counters(traffic.model))
        grown.subtract(before)
        requests = grown["nv_inference_request_success"]
        yield {
            "figure": name,
            "unit": "items/s",
            "served": round(served, 2),
            "clients": clients,
            "in_flight": clients * traffic.in_flight,
            "requests_a_run": round(requests / grown["nv_inference_exec_count"], 2),
        } | {f"{part}_ms": round(grown[f"nv_inference_{part}_duration_us"] / 1000 / requests, 2) for part in PARTS}


def measure_bare(cases: Mapping[str, Traffic], options: Options) -> dict[str, Mapping[str, float]]:
    """The same modules with the same tensors in `bare_torch.py`, one process a model."""
    found: dict[str, Mapping[str, float]] = {}
    for model in sorted({traffic.model for traffic in cases.values()}):
        shapes = {name: ",".join(map(str, case.shape)) for name, case in cases.items() if case.model == model}
        module = PROJECT.models / model / "1" / "model.pt"
        words = [str(module), "--seconds", str(options.seconds), "--warm-ups", str(options.warm_ups), *shapes.values()]
        # -P: torch probes for a package `triton`, so no folder of this repository may be on its path (ADR 0007).
        command = [str(PROJECT.python), "-P", str(BARE_TORCH), *words]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
        found |= zip(shapes, map(json.loads, run.stdout.splitlines()), strict=True)
    return found


def ratios(served: float, bare: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {f"served_to_{way}": round(served / mean(run[way] for run in bare), 3) for way in WAYS}


if __name__ == "__main__":
    main()
