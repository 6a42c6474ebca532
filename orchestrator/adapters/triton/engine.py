"""Sends tensors to models in Triton. Many requests share one connection, and none of them costs a thread."""

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from numpy.typing import NDArray
from tritonclient.grpc import InferInput, InferRequestedOutput, InferResult
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from orchestrator.adapters.triton.channel import Line
from orchestrator.adapters.triton.status import parse_error
from orchestrator.domain.errors import RunCanceled, StageTimeout
from orchestrator.ports.inference import USUAL, Tensors, Terms
from orchestrator.telemetry import name_bound_run

Landing = Future[InferResult]


class TritonInference:
    """One gRPC call. Its answer lands from gRPC's own thread, whether anybody waits or not."""

    def __init__(
        self, landing: Landing, cancel_call: Callable[[], None], *, outputs: tuple[str, ...], line: Line
    ) -> None:
        self._landing = landing
        self._cancel_call = cancel_call
        self._outputs = outputs
        self._line = line
        self._canceled = False
        self.version = ""

    def result(self, timeout_s: float) -> Tensors:
        """As the port promises. The arrays are read-only views of the answer."""
        try:
            answer = self._landing.result(timeout_s)
        except TimeoutError as error:
            self._cancel_call()
            raise StageTimeout(f"the model did not answer within {timeout_s:g} s") from error
        except InferenceServerException as error:
            if self._canceled:
                raise RunCanceled from error
            ours = parse_error(error)
            self._line.hear(ours)
            raise ours from error
        self._line.hear()
        self.version = answer.get_response().model_version
        return {name: answer.as_numpy(name) for name in self._outputs}

    def cancel(self) -> None:
        self._canceled = True
        self._cancel_call()


class TritonEngine:
    """Inference in one Triton server; safe to share between threads, not across a fork.

    Triton learns with each request when to drop it, after ``deadline_s`` at the latest, also when this process is dead
    or cut off.
    """

    def __init__(self, address: str, *, deadline_s: float = 120.0) -> None:
        self._line = Line(address)
        self._deadline_s = deadline_s

    def submit(self, model: str, inputs: Tensors, *, outputs: tuple[str, ...], terms: Terms = USUAL) -> TritonInference:
        landing: Landing = Future()
        # The only call of tritonclient that can be cancelled (stack facts H).
        call = self._line.client.async_infer(
            model,
            [_render_input(name, array) for name, array in inputs.items()],
            partial(_land, landing),
            outputs=[InferRequestedOutput(name) for name in outputs],
            request_id=name_bound_run(),
            priority=terms.priority,
            client_timeout=min(terms.within_s, self._deadline_s),
        )
        return TritonInference(landing, call.cancel, outputs=outputs, line=self._line)

    def close(self) -> None:
        """Give up what is in flight and hang up."""
        self._line.close()


def _render_input(name: str, array: NDArray[Any]) -> InferInput:
    tensor = InferInput(name, array.shape, np_to_triton_dtype(array.dtype))
    return tensor.set_data_from_numpy(array)


def _land(landing: Landing, *, result: InferResult | None, error: InferenceServerException | None) -> None:
    if error is None:
        landing.set_result(result)
    else:
        landing.set_exception(error)
