"""The `pytorch` backend of the embedded Triton: a Python-based stand-in for NVIDIA's native one (TorchScript only)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch
import triton_python_backend_utils as pb_utils
from model_instance import Arrays, IsCancelled, ModelInstance, Request, describe

NUMBERED_NAME = re.compile(r".+__(\d+)")


class TritonPythonModel:
    """One instance of a TorchScript model. The class name is Triton's."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load the module, on the GPU Triton names when torch sees it."""
        can_use_gpu = torch.cuda.is_available()
        self._instance = ModelInstance.parse(args, default_filename="model.pt", can_use_gpu=can_use_gpu)
        try:
            self._input_order = _order(self._instance.inputs)
            self._output_order = _order(self._instance.outputs)
            _set_threads(self._instance)
            gpu = self._instance.gpu
            self._device = torch.device("cpu" if gpu is None else f"cuda:{gpu}")
            self._module = torch.jit.load(str(self._instance.model_file), map_location=self._device).eval()
        except Exception as error:
            raise pb_utils.TritonModelException(describe(error)) from error

    def execute(self, requests: Sequence[Request]) -> list[object]:
        """Answer a batch of requests."""
        return self._instance.answer(requests, self._compute)

    def _compute(self, inputs: Arrays, _: IsCancelled) -> list[torch.Tensor]:
        """Call the module once; TorchScript cannot be stopped half-way, so cancel is heard between requests."""
        by_index = dict(zip(self._input_order, inputs, strict=True))
        with torch.inference_mode():
            arguments = [torch.from_numpy(by_index[index]).to(self._device) for index in sorted(by_index)]
            results = self._module(*arguments)
        outputs = [results] if isinstance(results, torch.Tensor) else list(results)
        return [outputs[index].contiguous() for index in self._output_order]


def _order(names: Sequence[str]) -> list[int]:
    """Read the positions out of names like INPUT__0; else they are the config's, as in the native backend."""
    matches = [NUMBERED_NAME.fullmatch(name) for name in names]
    numbers = [int(match.group(1)) for match in matches if match]
    return numbers if len(numbers) == len(names) else list(range(len(names)))


def _set_threads(instance: ModelInstance) -> None:
    if intra := instance.thread_count("INTRA_OP_THREAD_COUNT"):
        torch.set_num_threads(intra)
    if inter := instance.thread_count("INTER_OP_THREAD_COUNT"):
        torch.set_num_interop_threads(inter)
