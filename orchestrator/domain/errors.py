"""The whole tree of our errors. Foreign exceptions become one of these at the adapter that met them.

OrchestratorError
├── RequestError        the caller must change something
├── Overloaded          we say "later"; the reasons are in `domain/overload.py`
├── DependencyError     something we called: Unavailable (try again) or Refused (do not)
├── StageTimeout        a stage of a run took longer than its budget
└── RunEnded            control flow inside services, never leaves them: StaleRun, RunCanceled

``str(error)`` is safe to show to a client: foreign text goes to the log and to ``__cause__``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Category(StrEnum):
    """Why a run failed; the retry policy hangs on it (`domain/retry.py`)."""

    INVALID_INPUT = "invalid_input"
    NETWORK = "network"
    STORAGE = "storage"
    CMS = "cms"
    GPU_MEMORY = "gpu_memory"
    MODEL_UNAVAILABLE = "model_unavailable"
    SATURATED = "saturated"
    DEPENDENCY_OPEN = "dependency_open"
    TIMEOUT = "timeout"
    CRASH = "crash"
    INTERNAL = "internal"


class OrchestratorError(Exception):
    """Root of everything we raise. ``code`` is stable and machine-readable."""

    code = "internal"
    category = Category.INTERNAL

    def __init__(self, message: str = "", *, code: str | None = None, category: Category | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").partition("\n")[0])
        self.code = code or type(self).code
        self.category = category or type(self).category


class RequestError(OrchestratorError):
    """The request cannot be served as it is."""

    code = "invalid_request"
    category = Category.INVALID_INPUT


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of a request, by its dotted path; and of what kind, where an answer mixes them."""

    field: str
    message: str
    code: str | None = None


class InvalidParams(RequestError):
    """The parameters do not fit the task type."""

    code = "invalid_params"

    def __init__(self, message: str = "", *, fields: Sequence[FieldError] = (), code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.fields = tuple(fields)


class UnknownTaskType(RequestError):
    """There is no such task type."""

    code = "unknown_task_type"


class UnsupportedMedia(RequestError):
    """The media cannot be decoded, or its format is not accepted here."""

    code = "unsupported_media"


class MediaTooLarge(RequestError):
    """The media is larger than this node accepts."""

    code = "media_too_large"


class InputNotFound(RequestError):
    """The input object does not exist in the project's storage."""

    code = "input_not_found"


class InputChanged(RequestError):
    """The input object is not the one that was there when the task was submitted."""

    code = "input_changed"


class InputRefused(RequestError):
    """The input lies where this node does not go."""

    code = "input_refused"


class NotFound(RequestError):
    """There is no such thing, or it belongs to another project: the two cannot be told apart."""

    code = "not_found"


class TaskNotFound(NotFound):
    """There is no such task."""

    code = "task_not_found"


class ProjectNotFound(NotFound):
    """There is no such project."""

    code = "project_not_found"


class KeyNotFound(NotFound):
    """There is no such API key."""

    code = "key_not_found"


class UploadNotFound(NotFound):
    """There is no such upload, or it has expired."""

    code = "upload_not_found"


class UploadIncomplete(RequestError):
    """The upload is not complete."""

    code = "upload_incomplete"


class UploadComplete(RequestError):
    """The upload is complete and cannot be aborted; it goes by itself when no task uses it."""

    code = "upload_complete"


class ProjectExists(RequestError):
    """There is such a project already."""

    code = "project_exists"


class TooManyKeys(RequestError):
    """Two live keys of this name are the most: revoke one first."""

    code = "too_many_keys"


class IdempotencyConflict(RequestError):
    """This Idempotency-Key was used before with another request."""

    code = "idempotency_conflict"


class IllegalMove(RequestError):
    """The task's status does not allow this."""

    code = "illegal_move"


class Unauthorized(RequestError):
    """A valid API key is required."""

    code = "unauthorized"


class Forbidden(RequestError):
    """This API key does not allow that."""

    code = "forbidden"


class Overloaded(OrchestratorError):
    """The node cannot take this now; try again later."""

    code = "overloaded"
    category = Category.SATURATED

    def __init__(self, message: str = "", *, retry_after_s: float = 1.0, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after_s = retry_after_s


class DependencyError(OrchestratorError):
    """Something this node depends on failed; ``service`` names it (redis, triton, storage)."""

    code = "dependency_error"
    category = Category.NETWORK

    def __init__(self, message: str = "", *, service: str, category: Category, code: str | None = None) -> None:
        super().__init__(message, code=code, category=category)
        self.service = service


class Unavailable(DependencyError):
    """A dependency is not available; trying again later can succeed."""

    code = "dependency_unavailable"


class OutcomeUnknown(Unavailable):
    """A write was sent and its answer was lost: it may or may not have happened."""

    code = "outcome_unknown"

    def __init__(self, message: str = "", *, service: str, category: Category, task_id: str | None = None) -> None:
        super().__init__(message, service=service, category=category)
        self.task_id = task_id


class Refused(DependencyError):
    """A dependency refused the call; trying again will not help."""

    code = "dependency_refused"


class StageTimeout(OrchestratorError):
    """A stage of the run took longer than its budget."""

    code = "stage_timeout"
    category = Category.TIMEOUT


class RunEnded(OrchestratorError):
    """The run may not go on."""


class StaleRun(RunEnded):
    """Another run owns the task now; whatever this one did is void."""

    code = "stale_run"


class RunCanceled(RunEnded):
    """The client asked to cancel the task."""

    code = "canceled"
