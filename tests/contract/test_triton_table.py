"""The status table of stack facts C.4, row by row: what Triton says, word and code, and what that means to us.

A row is shown by the real server, or, where that cannot be made to say it, by one that speaks its protocol.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from grpc import StatusCode
from servers import Triton
from triton_words import (
    BYTES,
    Room,
    cancelled,
    echoed,
    fails_with,
    larger_than_the_server_takes,
    load_of_nothing,
    load_without_memory,
    open_room,
    past_deadline,
    queue_full,
    queue_timeout,
    refused_connection,
    reset_connection,
    said,
    said_to_control,
    unloaded,
    without_key,
)
from tritonclient.utils import InferenceServerException

from orchestrator.domain.breaker import Outcome, judge
from orchestrator.domain.errors import (
    Category,
    OrchestratorError,
    Overloaded,
    Refused,
    RunCanceled,
    StageTimeout,
    Unavailable,
)


@dataclass(frozen=True)
class Row:
    """What Triton says, how it is made to, our error for it, and what that tells the breaker of the server."""

    event: str
    code: str
    words: str
    ask: Callable[[Room], object]
    error: type[OrchestratorError]
    category: Category
    outcome: Outcome = Outcome.WELL


ILL = Outcome.FAILED
STUB = "Failed to process the request(s) for model instance 'm_0_0', message: Stub process 'm_0_0' is not healthy."
NETWORK, NOT_SERVED, MEMORY = Category.NETWORK, Category.MODEL_UNAVAILABLE, Category.GPU_MEMORY
INTERNAL, SATURATED = Category.INTERNAL, Category.SATURATED
UNAVAILABLE, NOT_FOUND = StatusCode.UNAVAILABLE, StatusCode.NOT_FOUND

ROWS = (
    Row("queue full", "UNAVAILABLE", "Exceeds maximum queue size", queue_full, Overloaded, SATURATED),
    Row("queue timeout", "UNAVAILABLE", "Request timeout expired", queue_timeout, Overloaded, SATURATED),
    *(
        Row(f"shutting down: {words}", code.name, words, said(code, words), Unavailable, NETWORK, ILL)
        for code, words in (
            (UNAVAILABLE, "Server is stopping, scheduler for model has stopped accepting new inference requests"),
            (UNAVAILABLE, "GRPC server is shutting down and has stopped accepting new requests"),
            (UNAVAILABLE, "Server not ready"),
            (UNAVAILABLE, "Server exiting"),
            (StatusCode.CANCELLED, "GRPC server is shutting down"),
        )
    ),
    Row(
        "new request after SIGTERM",
        "NOT_FOUND",
        "has no available versions",
        said(NOT_FOUND, "Request for unknown model: 'm' has no available versions"),
        Unavailable,
        NOT_SERVED,
    ),
    Row("connection refused", "UNAVAILABLE", "", refused_connection, Unavailable, NETWORK, ILL),
    Row("connection reset", "UNAVAILABLE", "", reset_connection, Unavailable, NETWORK, ILL),
    Row("restricted protocol", "UNAVAILABLE", "This protocol is restricted", without_key, Refused, INTERNAL),
    Row(
        "control while not explicit",
        "UNAVAILABLE",
        "explicit model load / unload is not allowed",
        said_to_control(UNAVAILABLE, "explicit model load / unload is not allowed if polling is enabled"),
        Refused,
        INTERNAL,
    ),
    Row("unloaded, version unset", "NOT_FOUND", "has no available versions", unloaded, Unavailable, NOT_SERVED),
    Row(
        "unloaded, version given",
        "UNAVAILABLE",
        "is not at ready state",
        lambda room: unloaded(room, version="1"),
        Unavailable,
        NOT_SERVED,
    ),
    Row(
        "unknown name",
        "NOT_FOUND",
        "is not found",
        lambda room: echoed(room, BYTES, model="m"),
        Unavailable,
        NOT_SERVED,
    ),
    Row(
        "load failed, memory",
        "INVALID_ARGUMENT",
        "load failed for model",
        load_without_memory,
        Unavailable,
        MEMORY,
    ),
    Row(
        "load failed, bad model",
        "INVALID_ARGUMENT",
        "load failed for model",
        said_to_control(StatusCode.INVALID_ARGUMENT, "load failed for model 'm': unexpected end of file"),
        Refused,
        INTERNAL,
    ),
    Row("missing folder", "INTERNAL", "failed to poll from model repository", load_of_nothing, Refused, INTERNAL),
    Row("shape", "INVALID_ARGUMENT", "unexpected shape", lambda room: echoed(room, BYTES[0]), Refused, INTERNAL),
    Row(
        "dtype",
        "INVALID_ARGUMENT",
        "data-type is 'FP32'",
        lambda room: echoed(room, BYTES.astype(np.float32)),
        Refused,
        INTERNAL,
    ),
    Row(
        "out of memory at run",
        "INTERNAL",
        "out of memory",
        fails_with("CUDA out of memory. Tried to allocate 2.00 GiB"),
        Unavailable,
        MEMORY,
    ),
    Row(
        "allocation fails at run",
        "INTERNAL",
        "Failed to allocate memory",
        fails_with("onnx runtime error 6: Failed to allocate memory for requested buffer"),
        Unavailable,
        MEMORY,
    ),
    Row(
        "the GPU's memory is broken",
        "INTERNAL",
        "CUDA failure 700",
        fails_with("CUDA failure 700: an illegal memory access was encountered"),
        Unavailable,
        NOT_SERVED,
    ),
    Row("the model fails", "INTERNAL", "cannot multiply", fails_with("cannot multiply"), Refused, INTERNAL),
    Row("stub died", "INTERNAL", "is not healthy", said(StatusCode.INTERNAL, STUB), Unavailable, NOT_SERVED),
    Row(
        "deadline",
        "DEADLINE_EXCEEDED",
        "Deadline Exceeded",
        past_deadline,
        StageTimeout,
        Category.TIMEOUT,
        ILL,
    ),
    Row("cancelled by us", "CANCELLED", "", cancelled, RunCanceled, INTERNAL, Outcome.UNKNOWN),
    Row("message too large", "RESOURCE_EXHAUSTED", "larger than max", larger_than_the_server_takes, Refused, INTERNAL),
)


@pytest.fixture
def room(triton_server: Triton, tmp_path: Path) -> Iterator[Room]:
    with open_room(triton_server, tmp_path) as room:
        yield room


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.event)
def test_what_triton_says_and_what_it_means(room: Room, row: Row) -> None:
    with pytest.raises(row.error) as caught:
        row.ask(room)
    cause = caught.value.__cause__
    assert isinstance(cause, InferenceServerException)
    assert cause.status() == f"StatusCode.{row.code}"
    assert row.words in str(cause.message())
    assert judge(caught.value) is row.outcome
    if row.error is not RunCanceled:
        assert caught.value.category is row.category
        assert not row.words or row.words not in str(caught.value)
