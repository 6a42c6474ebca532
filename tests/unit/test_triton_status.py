"""Every failure of Triton that we know of, and every gRPC status there is, has a meaning."""

import pytest
from grpc import StatusCode
from tritonclient.utils import InferenceServerException

from orchestrator.adapters.triton.status import TABLE, parse_error, read_code
from orchestrator.domain.errors import (
    Category,
    OrchestratorError,
    Overloaded,
    Refused,
    StageTimeout,
    Unavailable,
)

SATURATED, NETWORK = Category.SATURATED, Category.NETWORK
NOT_SERVED, MEMORY = Category.MODEL_UNAVAILABLE, Category.GPU_MEMORY
TIMEOUT, INTERNAL = Category.TIMEOUT, Category.INTERNAL

# The rows of stack facts C.4, with messages as servers send them.
SEEN: list[tuple[str, str, type[OrchestratorError], Category]] = [
    ("UNAVAILABLE", "[request id: 1] Exceeds maximum queue size", Overloaded, SATURATED),
    ("UNAVAILABLE", "Request timeout expired", Overloaded, SATURATED),
    ("UNAVAILABLE", "Server is stopping, scheduler for model has stopped", Unavailable, NETWORK),
    ("UNAVAILABLE", "GRPC server is shutting down and has stopped accepting new requests", Unavailable, NETWORK),
    ("UNAVAILABLE", "Server not ready", Unavailable, NETWORK),
    ("UNAVAILABLE", "Server exiting", Unavailable, NETWORK),
    ("CANCELLED", "GRPC server is shutting down", Unavailable, NETWORK),
    ("NOT_FOUND", "Request for unknown model: 'm' has no available versions", Unavailable, NOT_SERVED),
    ("UNAVAILABLE", "failed to connect to all addresses; last error: Connection refused", Unavailable, NETWORK),
    ("UNAVAILABLE", "Socket closed", Unavailable, NETWORK),
    ("UNAVAILABLE", "This protocol is restricted, expecting header 'k'", Refused, INTERNAL),
    ("UNAVAILABLE", "explicit model load / unload is not allowed if polling is enabled", Refused, INTERNAL),
    ("UNAVAILABLE", "Request for unknown model: 'm' version 1 is not at ready state", Unavailable, NOT_SERVED),
    ("NOT_FOUND", "Request for unknown model: 'm' is not found", Unavailable, NOT_SERVED),
    ("INVALID_ARGUMENT", "Request for unknown model: 'm' is ambiguous", Unavailable, NOT_SERVED),
    ("INVALID_ARGUMENT", "load failed for model 'm': version 1 is at UNAVAILABLE state: no file", Refused, INTERNAL),
    ("INVALID_ARGUMENT", "load failed for model 'm': CUDA out of memory", Unavailable, MEMORY),
    ("INVALID_ARGUMENT", "load failed for model 'm': Failed to allocate 4 bytes", Unavailable, MEMORY),
    ("INVALID_ARGUMENT", "load failed for model 'm': memory limit set for gpu 0 has exceeded", Unavailable, MEMORY),
    ("INTERNAL", "failed to load 'm', failed to poll from model repository", Refused, INTERNAL),
    ("INVALID_ARGUMENT", "unexpected shape for input 'x' for model 'm'", Refused, INTERNAL),
    ("INVALID_ARGUMENT", "inference input 'x' data-type is 'FP32', but model 'm' expects", Refused, INTERNAL),
    ("INVALID_ARGUMENT", "inference request batch-size must be <= 8 for 'm'", Refused, INTERNAL),
    ("INTERNAL", "onnx runtime error 6: Failed to allocate memory for requested buffer", Unavailable, MEMORY),
    ("INTERNAL", "CUDA out of memory. Tried to allocate 2.00 GiB", Unavailable, MEMORY),
    ("INTERNAL", "CUDA failure 700: an illegal memory access was encountered", Unavailable, NOT_SERVED),
    ("INTERNAL", "PyTorch execute failure: an illegal memory access was encountered", Unavailable, NOT_SERVED),
    ("INTERNAL", "Stub process 'm_0_0' is not healthy.", Unavailable, NOT_SERVED),
    ("INTERNAL", "Received RST_STREAM with error code 2", Unavailable, NETWORK),
    ("INTERNAL", "index out of range", Refused, INTERNAL),
    ("DEADLINE_EXCEEDED", "Deadline Exceeded", StageTimeout, TIMEOUT),
    ("RESOURCE_EXHAUSTED", "Received message larger than max (5 vs. 4)", Refused, INTERNAL),
]


@pytest.mark.parametrize(("code", "message", "error", "category"), SEEN)
def test_what_servers_say_is_understood(
    code: str, message: str, error: type[OrchestratorError], category: Category
) -> None:
    ours = parse_error(InferenceServerException(message, status=f"StatusCode.{code}"))
    assert (type(ours), ours.category) == (error, category)
    assert message not in str(ours)


@pytest.mark.parametrize("code", [code for code in StatusCode if code is not StatusCode.OK])
def test_every_status_has_a_row_that_fits_any_message(code: StatusCode) -> None:
    assert code in {row for row, words, _ in TABLE if not words}
    assert read_code(InferenceServerException("new words", status=str(code))) is code


def test_what_never_left_the_client_does_not_fit_the_model() -> None:
    ours = parse_error(InferenceServerException("got unexpected datatype"))
    assert (type(ours), ours.code) == (Refused, "request_mismatch")


def test_no_row_is_behind_one_that_takes_all_of_its_messages() -> None:
    for index, (code, words, _) in enumerate(TABLE):
        before = [row for row in TABLE[:index] if row[0] in (None, code) and row[1] in words]
        assert not before, f"{code} {words!r} is never reached"
