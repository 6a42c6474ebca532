"""What the two Python-based backends share: one instance's settings and how a merged batch of requests is answered.

Copied beside each backend's model.py by launch.py; never runs in NVIDIA's container, whose backends are native.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray

Arrays = Sequence[NDArray[Any]]
IsCancelled = Callable[[], bool]
Outputs = Sequence[Any]  # NumPy arrays, or tensors of a framework that speak DLPack, on the host or on a GPU
Compute = Callable[[Arrays, IsCancelled], Outputs]

# How often a request is asked whether it is cancelled; a question costs 0.1 to 0.3 ms.
CANCEL_POLL_S = 0.02

# What the frameworks say when memory runs out; the client looks for Triton's own words (stack facts C.4).
OUT_OF_MEMORY_WORDS = ("out of memory", "failed to allocate memory")
OTHER_MEMORY_WORDS = ("bad_alloc", "can't allocate memory", "not enough memory", "bad allocation")


class RunCancelledError(Exception):
    """The run was stopped because every request in it had been cancelled."""


class Request(Protocol):
    """The part of `pb_utils.InferenceRequest` used here."""

    def is_cancelled(self) -> bool:
        """Say whether the client gave the request up."""

    def requested_output_names(self) -> Sequence[str]:
        """Name the outputs the client wants."""


@dataclass(frozen=True)
class ModelInstance:
    """Settings of one instance, read from the arguments Triton starts it with."""

    model_file: Path
    max_batch_size: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    gpu: int | None
    parameters: Mapping[str, str]

    @classmethod
    def parse(cls, args: Mapping[str, str], *, default_filename: str, can_use_gpu: bool) -> ModelInstance:
        """Read Triton's arguments; the model lies at <model directory>/<version>/<file name>.

        Triton knows the machine's GPUs and not what the framework can use: its CPU build has none.
        """
        on_gpu = can_use_gpu and args["model_instance_kind"] == "GPU"
        config = json.loads(args["model_config"])
        file_name = config.get("default_model_filename") or default_filename
        parameters = config.get("parameters", {})
        return cls(
            model_file=Path(args["model_repository"]) / args["model_version"] / file_name,
            max_batch_size=int(config.get("max_batch_size", 0)),
            inputs=tuple(tensor["name"] for tensor in config["input"]),
            outputs=tuple(tensor["name"] for tensor in config["output"]),
            gpu=int(args["model_instance_device_id"]) if on_gpu else None,
            parameters={name: value["string_value"] for name, value in parameters.items()},
        )

    def thread_count(self, parameter: str) -> int | None:
        """Read a thread count as the native backends do: 0 or nothing leaves it to the framework."""
        return int(self.parameters.get(parameter, "0")) or None

    def answer(self, requests: Sequence[Request], compute: Compute) -> list[object]:
        """Answer a merged batch: one by one on the CPU, where batching loses (stack facts H), joined on CUDA."""
        if self.gpu is None or self.max_batch_size == 0 or len(requests) == 1:
            return self._answer_each(requests, compute)
        return self._answer_joined(requests, compute)

    def _answer_each(self, requests: Sequence[Request], compute: Compute) -> list[object]:
        """Run the requests one by one, leaving out those cancelled while the ones before them ran."""
        responses = []
        started = time.monotonic()
        for request in requests:
            # Triton itself drops what was cancelled in the queue, and asking costs as much as a small run.
            waited = time.monotonic() - started > CANCEL_POLL_S
            responses.append(_cancelled() if waited and request.is_cancelled() else self._answer_one(request, compute))
        return responses

    def _answer_one(self, request: Request, compute: Compute) -> object:
        try:
            outputs = compute(self._arrays(request), request.is_cancelled)
        except Exception as error:  # noqa: BLE001 - whatever a framework raises is this request's answer, not our end
            return _failed(error)
        return self._response(request, outputs)

    def _answer_joined(self, requests: Sequence[Request], compute: Compute) -> list[object]:
        """Run the requests as one batch; it is stopped only when nobody waits for any of them."""
        try:
            shares = run_joined(
                [self._arrays(request) for request in requests],
                lambda joined: compute(joined, lambda: all(request.is_cancelled() for request in requests)),
            )
        except Exception as error:  # noqa: BLE001 - as above, for each of the requests
            return [_failed(error) for _ in requests]
        return [self._response(request, share) for request, share in zip(requests, shares, strict=True)]

    def _arrays(self, request: Request) -> Arrays:
        return [pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in self.inputs]

    def _response(self, request: Request, outputs: Outputs) -> object:
        wanted = set(request.requested_output_names())
        named = zip(self.outputs, outputs, strict=True)
        return pb_utils.InferenceResponse([_tensor(name, output) for name, output in named if name in wanted])


def run_joined(batches: Sequence[Arrays], compute: Callable[[Arrays], Outputs]) -> list[Outputs]:
    """Run several requests' inputs as one batch and give each its share of the outputs."""
    outputs = compute([np.concatenate(parts) for parts in zip(*batches, strict=True)])
    ends = np.cumsum([inputs[0].shape[0] for inputs in batches]).tolist()
    return [[output[start:end] for output in outputs] for start, end in pairwise([0, *ends])]


def describe(error: Exception) -> str:
    """Put a framework's error in words the client knows; want of memory always reads "out of memory"."""
    text = str(error) or type(error).__name__
    known = any(words in text.lower() for words in OUT_OF_MEMORY_WORDS)
    other = isinstance(error, MemoryError) or any(words in text for words in OTHER_MEMORY_WORDS)
    return f"out of memory: {text}" if other and not known else text


def _tensor(name: str, output: Any) -> object:  # noqa: ANN401 - numpy's, or any framework's
    """Hand an output over. From a GPU the stub copies it straight to where Triton reads it (docs/performance.md)."""
    return (
        pb_utils.Tensor(name, output) if isinstance(output, np.ndarray) else pb_utils.Tensor.from_dlpack(name, output)
    )


def _failed(error: Exception) -> object:
    if isinstance(error, RunCancelledError):
        return _cancelled()
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(describe(error), pb_utils.TritonError.INTERNAL))


def _cancelled() -> object:
    return pb_utils.InferenceResponse(error=pb_utils.TritonError("Request cancelled", pb_utils.TritonError.CANCELLED))
