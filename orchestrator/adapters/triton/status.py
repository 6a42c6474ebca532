"""What Triton's failures mean to us: one table, read from the top (stack facts C.4)."""

from collections.abc import Callable
from functools import partial

from grpc import StatusCode
from tritonclient.utils import InferenceServerException

from orchestrator.domain.errors import Category, OrchestratorError, Overloaded, Refused, StageTimeout, Unavailable
from orchestrator.domain.model import GPU_OOM

SERVICE = "triton"

Meaning = Callable[[], OrchestratorError]


def _unavailable(category: Category, message: str) -> Meaning:
    return partial(Unavailable, message, service=SERVICE, category=category)


def _refused(code: str, message: str) -> Meaning:
    return partial(Refused, message, service=SERVICE, category=Category.INTERNAL, code=code)


_SATURATED = partial(Overloaded, "the model's queue is full")
_NO_MEMORY = partial(
    Unavailable,
    "the GPU has not enough free memory",
    service=SERVICE,
    category=Category.GPU_MEMORY,
    code=GPU_OOM,
)
_NOT_SERVED = _unavailable(Category.MODEL_UNAVAILABLE, "the model is not served at the moment")
_AWAY = _unavailable(Category.NETWORK, "the inference server cannot be reached")
_STOPPING = _unavailable(Category.NETWORK, "the inference server is shutting down")
_MISMATCH = _refused("request_mismatch", "the request does not fit the model")
_LOAD_FAILED = _refused("model_load_failed", "the model cannot be loaded")
_MODEL_FAILED = _refused("model_failed", "the model failed on this request")
_MISCONFIGURED = _refused("triton_misconfigured", "the inference server is not set up for this call")
_LATE = partial(StageTimeout, "the model took longer than the time allowed")

# (status code, None for any; words of the message in lower case; meaning). The first row that fits wins.
# "" fits every message: those rows are the last of their code.
TABLE: tuple[tuple[StatusCode | None, str, Meaning], ...] = (
    # Memory first: at load it comes as INVALID_ARGUMENT, at run time as INTERNAL.
    (None, "out of memory", _NO_MEMORY),
    (None, "failed to allocate", _NO_MEMORY),
    (None, "memory limit set", _NO_MEMORY),
    (StatusCode.UNAVAILABLE, "exceeds maximum queue size", _SATURATED),
    (StatusCode.UNAVAILABLE, "request timeout expired", _SATURATED),
    (StatusCode.UNAVAILABLE, "protocol is restricted", _MISCONFIGURED),
    (StatusCode.UNAVAILABLE, "load / unload is not allowed", _MISCONFIGURED),
    (StatusCode.UNAVAILABLE, "is not at ready state", _NOT_SERVED),
    (StatusCode.UNAVAILABLE, "server is stopping", _STOPPING),
    (StatusCode.UNAVAILABLE, "server is shutting down", _STOPPING),
    (StatusCode.UNAVAILABLE, "server not ready", _STOPPING),
    (StatusCode.UNAVAILABLE, "server exiting", _STOPPING),
    (StatusCode.UNAVAILABLE, "", _AWAY),
    # A model that was never loaded, was unloaded, or goes away with a stopping server: all look the same.
    (StatusCode.NOT_FOUND, "", _NOT_SERVED),
    (StatusCode.INVALID_ARGUMENT, "request for unknown model", _NOT_SERVED),
    (StatusCode.INVALID_ARGUMENT, "load failed for model", _LOAD_FAILED),
    (StatusCode.INVALID_ARGUMENT, "", _MISMATCH),
    (StatusCode.INTERNAL, "failed to poll from model repository", _LOAD_FAILED),
    (StatusCode.INTERNAL, "is not healthy", _NOT_SERVED),
    (StatusCode.INTERNAL, "cuda failure 700", _NOT_SERVED),
    (StatusCode.INTERNAL, "illegal memory access", _NOT_SERVED),
    (StatusCode.INTERNAL, "rst_stream", _AWAY),
    (StatusCode.INTERNAL, "", _MODEL_FAILED),
    (StatusCode.DEADLINE_EXCEEDED, "", _LATE),
    # Not by us: the engine asks that first.
    (StatusCode.CANCELLED, "", _STOPPING),
    (StatusCode.RESOURCE_EXHAUSTED, "", _MISMATCH),
    (StatusCode.OUT_OF_RANGE, "", _MISMATCH),
    (StatusCode.FAILED_PRECONDITION, "", _MISMATCH),
    (StatusCode.ALREADY_EXISTS, "", _MISMATCH),
    (StatusCode.UNIMPLEMENTED, "", _MISCONFIGURED),
    (StatusCode.UNAUTHENTICATED, "", _MISCONFIGURED),
    (StatusCode.PERMISSION_DENIED, "", _MISCONFIGURED),
    (StatusCode.ABORTED, "", _AWAY),
    (StatusCode.DATA_LOSS, "", _AWAY),
    (StatusCode.UNKNOWN, "", _AWAY),
    # No code at all: tritonclient refused the call before it left.
    (None, "", _MISMATCH),
)


def read_code(error: InferenceServerException) -> StatusCode | None:
    """The gRPC status; tritonclient keeps it as the text ``StatusCode.UNAVAILABLE``."""
    return StatusCode.__members__.get(str(error.status()).removeprefix("StatusCode."))


def parse_error(error: InferenceServerException) -> OrchestratorError:
    """Our error for one of Triton's, to be raised from it. Its text has none of Triton's words; its note has."""
    code, message = read_code(error), str(error.message())
    ours = next(meaning() for row, words, meaning in TABLE if row in (None, code) and words in message.lower())
    ours.add_note(message)
    return ours
