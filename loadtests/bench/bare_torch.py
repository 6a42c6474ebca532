"""The limit on one GPU: a loop in one process that calls the TorchScript module and does nothing else.

Runs in .venv-triton, with `-P`: `bare_torch.py MODEL 1,3,192,192 ...`, prints one JSON line a shape: items a
second with every input and output copied between host and GPU, copied through pinned memory, and without copies.
"""

import argparse
import json
import time
from collections.abc import Callable

import torch

CALLS_IN_A_ROW = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("shapes", nargs="+", metavar="SHAPE", help="of the uint8 input, with the batch in front")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--warm-ups", type=int, default=24)
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    module = torch.jit.load(options.model, map_location=device).eval()
    for text in options.shapes:
        host = torch.randint(0, 256, [int(size) for size in text.split(",")], dtype=torch.uint8)
        with torch.inference_mode():
            calls = ways(module, host, device=device)
            speeds = {way: calls_per_second(call, options) for way, call in calls.items()}
        print(json.dumps({way: len(host) * speed for way, speed in speeds.items()}), flush=True)


def ways(module: torch.nn.Module, host: torch.Tensor, *, device: torch.device) -> dict[str, Callable[[], None]]:
    """A call each; the first two end with the output on the host."""
    there = host.to(device)
    pinned = host.pin_memory() if device.type == "cuda" else host

    def copied() -> None:
        for output in tensors(module(host.to(device))):
            output.cpu()

    def copied_pinned() -> None:
        for output in tensors(module(pinned.to(device, non_blocking=True))):
            torch.empty(output.shape, dtype=output.dtype, pin_memory=output.is_cuda).copy_(output)

    def resident() -> None:
        module(there)

    return {"copied": copied, "pinned": copied_pinned, "resident": resident}


def calls_per_second(call: Callable[[], None], options: argparse.Namespace) -> float:
    for _ in range(options.warm_ups):
        call()
    synchronise()
    begun, calls = time.perf_counter(), 0
    while time.perf_counter() - begun < options.seconds:
        for _ in range(CALLS_IN_A_ROW):  # launching the next ones hides behind those that run
            call()
        synchronise()
        calls += CALLS_IN_A_ROW
    return calls / (time.perf_counter() - begun)


def tensors(results: torch.Tensor | tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return (results,) if isinstance(results, torch.Tensor) else results


def synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
