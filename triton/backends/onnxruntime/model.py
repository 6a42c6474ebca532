"""The `onnxruntime` backend of the embedded Triton: a Python-based stand-in for NVIDIA's native one."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import onnxruntime
import triton_python_backend_utils as pb_utils
from model_instance import Arrays, IsCancelled, ModelInstance, Request, RunCancelledError, describe

CANCEL_POLL_S = 0.02


class TritonPythonModel:
    """One instance of an ONNX model. The class name is Triton's."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Open the session, on the GPU Triton names when ONNX Runtime can use it."""
        self._instance = ModelInstance.parse(args, default_filename="model.onnx")
        self._watchers = ThreadPoolExecutor(max_workers=1, thread_name_prefix="cancel-watch")
        try:
            self._session = _open_session(self._instance)
        except Exception as error:
            raise pb_utils.TritonModelException(describe(error)) from error

    def execute(self, requests: Sequence[Request]) -> list[Any]:
        """Answer a batch of requests."""
        return self._instance.answer(requests, self._compute)

    def finalize(self) -> None:
        """Let the watcher thread go."""
        self._watchers.shutdown()

    def _compute(self, inputs: Arrays, is_cancelled: IsCancelled) -> Arrays:
        """Run the session once; a watcher ends the run when it is cancelled (0.04 s into a picture, stack facts H)."""
        options = onnxruntime.RunOptions()
        done = threading.Event()
        watching = self._watchers.submit(_watch, options, done, is_cancelled)
        feeds = dict(zip(self._instance.inputs, inputs, strict=True))
        try:
            outputs: Arrays = self._session.run(list(self._instance.outputs), feeds, options)
        except Exception as error:
            if options.terminate:
                raise RunCancelledError from error
            raise
        finally:
            # Triton frees the request with its response: no question about it may still be on its way by then.
            done.set()
            watching.result()
        return outputs


def _watch(options: onnxruntime.RunOptions, done: threading.Event, is_cancelled: IsCancelled) -> None:
    while not done.wait(CANCEL_POLL_S):
        if is_cancelled():
            options.terminate = True
            return


def _open_session(instance: ModelInstance) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = instance.thread_count("intra_op_thread_count") or 0
    options.inter_op_num_threads = instance.thread_count("inter_op_thread_count") or 0
    providers: list[Any] = ["CPUExecutionProvider"]
    if instance.gpu is not None and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": instance.gpu}))
    return onnxruntime.InferenceSession(str(instance.model_file), options, providers=providers)
