"""The shared part of our Python-based backends: settings, the joined batch of CUDA, and words for want of memory."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from types import ModuleType

import launch
import numpy as np
import pytest
from numpy.typing import NDArray

Arrays = Sequence[NDArray[np.int64]]


@pytest.fixture(scope="module")
def backend() -> ModuleType:
    """Import the module beside the wheel's own `triton_python_backend_utils`, as a stub does."""
    sys.path.append(str(launch.find_wheel() / "backends" / "python"))
    import model_instance  # noqa: PLC0415 - importable only from here on

    return model_instance


def arguments(**changes: str) -> dict[str, str]:
    """Return what Triton starts an instance with."""
    config = {
        "max_batch_size": 8,
        "default_model_filename": "",
        "input": [{"name": "image"}],
        "output": [{"name": "upscaled"}],
        "parameters": {"intra_op_thread_count": {"string_value": "3"}},
    }
    plain = {"model_config": json.dumps(config), "model_repository": "/models/m", "model_version": "2"}
    return plain | {"model_instance_kind": "CPU", "model_instance_device_id": "0"} | changes


def test_an_instance_reads_triton_s_arguments(backend: ModuleType) -> None:
    instance = backend.ModelInstance.parse(arguments(), default_filename="model.onnx", can_use_gpu=True)
    assert str(instance.model_file) == "/models/m/2/model.onnx"
    assert (instance.inputs, instance.outputs, instance.max_batch_size) == (("image",), ("upscaled",), 8)
    assert instance.gpu is None
    assert instance.thread_count("intra_op_thread_count") == 3
    assert instance.thread_count("inter_op_thread_count") is None


def test_a_gpu_instance_knows_its_device(backend: ModuleType) -> None:
    changes = {"model_instance_kind": "GPU", "model_instance_device_id": "1"}
    assert backend.ModelInstance.parse(arguments(**changes), default_filename="model.pt", can_use_gpu=True).gpu == 1


def test_a_framework_without_cuda_leaves_the_gpu_alone(backend: ModuleType) -> None:
    """Else its batches would be joined, which loses on the CPU."""
    gpu = arguments(model_instance_kind="GPU")
    assert backend.ModelInstance.parse(gpu, default_filename="model.onnx", can_use_gpu=False).gpu is None


def test_a_joined_batch_runs_once_and_is_shared_out(backend: ModuleType) -> None:
    runs = []

    def double(joined: Arrays) -> Arrays:
        runs.append(joined[0].shape)
        return [joined[0] * 2, joined[0].sum(axis=1)]

    batches = [[np.full((rows, 4), rows)] for rows in (1, 3, 2)]
    shares = backend.run_joined(batches, double)
    assert runs == [(6, 4)]
    for rows, (doubled, sums) in zip((1, 3, 2), shares, strict=True):
        np.testing.assert_array_equal(doubled, np.full((rows, 4), rows * 2))
        np.testing.assert_array_equal(sums, np.full(rows, rows * 4))


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("std::bad_alloc"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"),
    ],
)
def test_want_of_memory_always_reads_the_same(backend: ModuleType, error: Exception) -> None:
    assert backend.describe(error).startswith("out of memory: ")


@pytest.mark.parametrize("text", ["CUDA out of memory. Tried to allocate 2 GiB", "Failed to allocate memory"])
def test_triton_s_own_words_are_left_alone(backend: ModuleType, text: str) -> None:
    assert backend.describe(RuntimeError(text)) == text


def test_another_error_keeps_its_words(backend: ModuleType) -> None:
    assert backend.describe(ValueError("no such axis")) == "no such axis"
    assert backend.describe(ValueError()) == "ValueError"
