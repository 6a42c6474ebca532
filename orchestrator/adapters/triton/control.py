"""Loads and unloads models over Triton's restricted control protocol (stack facts C.1)."""

import json
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from grpc import StatusCode
from tritonclient.utils import InferenceServerException

from orchestrator.adapters.triton.channel import Line
from orchestrator.adapters.triton.status import SERVICE, parse_error, read_code
from orchestrator.domain.errors import Category, OrchestratorError, Unavailable
from orchestrator.ports.inference import ModelState

# The name that triton/launch.py and the container give the secret; the header's prefix is Triton's.
CONTROL_HEADER = "triton-grpc-protocol-orchestrator-control"
ANSWER_WITHIN_S = 2.0
POLL_S = 0.05

T = TypeVar("T")


class TritonControl:
    """The models of one Triton server. Loading may take ``load_timeout_s``, unloading ``unload_timeout_s``."""

    def __init__(
        self, address: str, *, control_key: str, load_timeout_s: float = 300.0, unload_timeout_s: float = 60.0
    ) -> None:
        self._line = Line(address)
        self._headers = {CONTROL_HEADER: control_key}
        self._load_timeout_s = load_timeout_s
        self._unload_timeout_s = unload_timeout_s

    def is_live(self) -> bool:
        return self._is_true(self._line.client.is_server_live)

    def is_ready(self, model: str) -> bool:
        return self._is_true(self._line.client.is_model_ready, model)

    def load(self, model: str) -> None:
        # Triton would load it a second time beside the first, and hold both in GPU memory meanwhile.
        if "READY" not in self._states(model):
            self._ask(self._line.client.load_model, model, within_s=self._load_timeout_s)

    def unload(self, model: str) -> None:
        self._ask(self._line.client.unload_model, model, within_s=self._unload_timeout_s)
        # The call returns before requests in flight have ended and before any memory is free.
        deadline = time.monotonic() + self._unload_timeout_s
        while not self._states(model) <= {"UNAVAILABLE"}:
            if time.monotonic() > deadline:
                raise Unavailable(f"{model} is still unloading", service=SERVICE, category=Category.MODEL_UNAVAILABLE)
            time.sleep(POLL_S)

    def reload(self, model: str) -> None:
        # With a dead stub the index says UNLOADING for ever (seen on 2.51); the load makes a second one beside it.
        self._ask(self._line.client.unload_model, model, within_s=self._unload_timeout_s)
        self._ask(self._line.client.load_model, model, within_s=self._load_timeout_s)

    def config(self, model: str) -> str:
        answer = self._ask(partial(self._line.client.get_model_config, as_json=True), model)
        return json.dumps(answer["config"], sort_keys=True, separators=(",", ":"))

    def index(self) -> tuple[ModelState, ...]:
        answer = self._ask(self._line.client.get_model_repository_index)
        # A model that was never loaded has no state.
        return tuple(ModelState(row.name, row.version, row.state or "UNAVAILABLE", row.reason) for row in answer.models)

    def close(self) -> None:
        self._line.close()

    def _states(self, model: str) -> set[str]:
        """The states of the model's versions; empty when the repository has no such model."""
        return {row.state for row in self.index() if row.name == model}

    def _ask(self, call: Callable[..., T], *words: str, within_s: float = ANSWER_WITHIN_S) -> T:
        try:
            answer = call(*words, headers=self._headers, client_timeout=within_s)
        except InferenceServerException as error:
            ours = _parse(error)
            self._line.hear(ours)
            raise ours from error
        self._line.hear()
        return answer

    def _is_true(self, question: Callable[..., bool], *words: str) -> bool:
        try:
            is_so = question(*words, client_timeout=ANSWER_WITHIN_S)
        except InferenceServerException as error:
            self._line.hear(_parse(error))
            return False
        self._line.hear()
        return is_so


def _parse(error: InferenceServerException) -> OrchestratorError:
    """Our error. These calls are short: one that is late has met nobody."""
    if read_code(error) is StatusCode.DEADLINE_EXCEEDED:
        return Unavailable("the inference server did not answer in time", service=SERVICE, category=Category.NETWORK)
    return parse_error(error)
