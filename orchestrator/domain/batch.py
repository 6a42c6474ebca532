"""Tasks that are recorded all or none, and the two ways in which that is refused."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.domain.errors import FieldError, InvalidParams, Overloaded
from orchestrator.domain.task import NewTask


@dataclass(frozen=True, slots=True)
class NewBatch:
    """Tasks of one project that are recorded all or none. ``answer`` is as that of a task; theirs is empty."""

    project: str
    tasks: tuple[NewTask, ...]
    request_sha256: str
    idempotency_key: str | None = None
    answer: str = ""


class BatchInvalid(InvalidParams):
    """Some tasks of the batch cannot be served as they are; none was recorded."""

    code = "batch_invalid"


class BatchRefused(Overloaded):
    """Some tasks of the batch cannot be accepted now; none was recorded."""

    code = "batch_refused"

    def __init__(self, message: str = "", *, fields: Sequence[FieldError] = (), retry_after_s: float = 1.0) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.fields = tuple(fields)
