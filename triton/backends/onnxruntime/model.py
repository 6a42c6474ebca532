"""The `onnxruntime` backend of the embedded Triton: a Python-based stand-in for NVIDIA's native one."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import onnxruntime
import triton_python_backend_utils as pb_utils
from model_instance import CANCEL_POLL_S, Arrays, IsCancelled, ModelInstance, Request, RunCancelledError, describe

CUDA = "CUDAExecutionProvider"


class TritonPythonModel:
    """One instance of an ONNX model. The class name is Triton's."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Open the session, on the GPU Triton names when ONNX Runtime can use it."""
        can_use_gpu = CUDA in onnxruntime.get_available_providers()
        self._instance = ModelInstance.parse(args, default_filename="model.onnx", can_use_gpu=can_use_gpu)
        try:
            self._session = _open_session(self._instance)
        except Exception as error:
            raise pb_utils.TritonModelException(describe(error)) from error
        self._watch = CancelWatch()

    def execute(self, requests: Sequence[Request]) -> list[object]:
        """Answer a batch of requests."""
        return self._instance.answer(requests, self._compute)

    def finalize(self) -> None:
        """Let the watcher go."""
        self._watch.stop()

    def _compute(self, inputs: Arrays, is_cancelled: IsCancelled) -> Arrays:
        """Run the session once, or until the run is cancelled."""
        options = onnxruntime.RunOptions()
        feeds = dict(zip(self._instance.inputs, inputs, strict=True))
        try:
            with self._watch.over(options, is_cancelled):
                outputs: Arrays = self._session.run(list(self._instance.outputs), feeds, options)
        except Exception as error:
            if options.terminate:
                raise RunCancelledError from error
            raise
        return outputs


class CancelWatch:
    """A thread that ends the run in progress once it is cancelled, 0.04 s later at most (stack facts H)."""

    def __init__(self) -> None:
        """Start the thread."""
        self._lock = threading.Lock()
        self._run: tuple[onnxruntime.RunOptions, IsCancelled] | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, name="cancel-watch", daemon=True)
        self._thread.start()

    @contextmanager
    def over(self, options: onnxruntime.RunOptions, is_cancelled: IsCancelled) -> Iterator[None]:
        """Watch one run. Triton frees the request after it, so the lock keeps a question from outliving the run."""
        with self._lock:
            self._run = (options, is_cancelled)
        try:
            yield
        finally:
            with self._lock:
                self._run = None

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stopped.wait(CANCEL_POLL_S):
            with self._lock:
                if self._run is not None and self._run[1]():
                    self._run[0].terminate = True


def _open_session(instance: ModelInstance) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = instance.thread_count("intra_op_thread_count") or 0
    options.inter_op_num_threads = instance.thread_count("inter_op_thread_count") or 0
    providers: list[Any] = ["CPUExecutionProvider"]
    if instance.gpu is not None:
        providers.insert(0, (CUDA, {"device_id": instance.gpu}))
    return onnxruntime.InferenceSession(str(instance.model_file), options, providers=providers)
