"""One exception per `code` that the service answers with (docs/http.md), and those that the client finds itself."""

from orchestrator.client.api_error import ApiError

# What the client itself finds.


class Unreachable(ApiError, code="unreachable"):
    """The service or the storage gave no answer."""


class UnexpectedAnswer(ApiError, code="unexpected_answer"):
    """Something in between answered, not the service."""


class UploadFailed(ApiError, code="upload_failed"):
    """The storage refused the file."""


class DownloadFailed(ApiError, code="download_failed"):
    """The storage refused the file, or what came is damaged."""


class FileChanged(ApiError, code="file_changed"):
    """The file is not the one whose upload was begun."""


class UploadInterrupted(ApiError):
    """An upload in parts broke off; `Client.upload` goes on with ``resume=upload_id``. The cause has its own class."""

    def __init__(self, error: ApiError, upload_id: str) -> None:
        super().__init__(
            error.message,
            status=error.status,
            code=error.code,
            retry_after_s=error.retry_after_s,
            fields=error.fields,
            request_id=error.request_id,
        )
        self.upload_id = upload_id


# The request has to change.


class InvalidRequest(ApiError, code="invalid_request"):
    """It has not the documented shape; ``fields`` says where."""


class InvalidParams(ApiError, code="invalid_params"):
    """The task type, or the call, does not take these values; ``fields`` may say which."""


class BatchInvalid(ApiError, code="batch_invalid"):
    """Some tasks of the batch are at fault, and none was accepted; ``fields`` names each, with its own code."""


class UnknownTaskType(ApiError, code="unknown_task_type"):
    """The service has no such task type: see `Client.task_types`."""


class InputNotFound(ApiError, code="input_not_found"):
    """There is no such object in the project's storage."""


class UnsupportedMedia(ApiError, code="unsupported_media"):
    """The input is in no format that the type accepts."""


class MediaTooLarge(ApiError, code="media_too_large"):
    """The input or the upload is larger than the service accepts."""


class ReleaseRefused(ApiError, code="release_refused"):
    """This cannot become a release; ``fields`` says why."""


class BodyTooLarge(ApiError, code="body_too_large"):
    """A request may have 1 MiB: media is uploaded."""


class MethodNotAllowed(ApiError, code="method_not_allowed"):
    """The service is of another version than this client."""


class Unauthorized(ApiError, code="unauthorized"):
    """The API key is wrong, expired or revoked."""


class Forbidden(ApiError, code="forbidden"):
    """The API key lacks the scope that the message names."""


# What is named is not there, or another project's: the two cannot be told apart.


class NotFound(ApiError, code="not_found"):
    """There is no such thing."""


class TaskNotFound(NotFound, code="task_not_found"):
    """There is no such task."""


class UploadNotFound(NotFound, code="upload_not_found"):
    """There is no such upload, or it has expired."""


class DeliveryNotFound(NotFound, code="delivery_not_found"):
    """The task has no delivery to such a destination."""


class ProjectNotFound(NotFound, code="project_not_found"):
    """There is no such project."""


class KeyNotFound(NotFound, code="key_not_found"):
    """There is no such API key."""


class WebhookNotFound(NotFound, code="webhook_not_found"):
    """There is no such webhook endpoint."""


class ModelNotFound(NotFound, code="model_not_found"):
    """The node knows no such model, or no such release of it."""


class SwapNotFound(NotFound, code="swap_not_found"):
    """The model was never swapped."""


# Something else came first.


class Conflict(ApiError):
    """What is there does not allow this: look again."""


class IdempotencyConflict(Conflict, code="idempotency_conflict"):
    """The Idempotency-Key was used before, with another request."""


class IllegalMove(Conflict, code="illegal_move"):
    """The task's status does not allow this."""


class GenerationChanged(IllegalMove, code="generation_changed"):
    """Somebody else has retried the task already."""


class UploadIncomplete(Conflict, code="upload_incomplete"):
    """Parts are missing; the message names them."""


class UploadComplete(Conflict, code="upload_complete"):
    """The upload is complete: there is nothing to abort."""


class ReleaseExists(Conflict, code="release_exists"):
    """Another release has this version, or had it: take the next."""


class ReleaseInUse(Conflict, code="release_in_use"):
    """An instance holds the release, or tasks are led to it."""


class ProjectExists(Conflict, code="project_exists"):
    """There is such a project already."""


class TooManyKeys(Conflict, code="too_many_keys"):
    """Two live keys of this name are the most."""


class TooManyWebhooks(Conflict, code="too_many_webhooks"):
    """The project has as many webhook endpoints as it may."""


class SwapInProgress(Conflict, code="swap_in_progress"):
    """Another swap of the model goes on."""


class NothingToRollBack(Conflict, code="nothing_to_roll_back"):
    """There is no release of the model to go back to."""


# Later. The client has waited and asked again before it raises one of these.


class Later(ApiError):
    """Nothing was recorded; the same call can succeed after ``retry_after_s``."""


class RateLimited(Later, code="rate_limited"):
    """Too many requests in a short time."""


class QuotaExceeded(Later, code="quota_exceeded"):
    """The project has as much queued or stored as it may."""


class QueueFull(Later, code="queue_full"):
    """The lane has too many tasks, or this one would wait too long."""


class BatchRefused(Later, code="batch_refused"):
    """There is no room for some tasks of the batch, and none was accepted; ``fields`` names each, with its own code."""


class NotReady(Later, code="not_ready"):
    """Nobody is there to do this kind of work."""


class Overloaded(Later, code="overloaded"):
    """The service cannot take this now."""


class TooManyStreams(Later, code="too_many_streams"):
    """As many event streams are open as the service, or the project, may have."""


class StoreNotWritable(Later, code="store_not_writable"):
    """The service's store takes no writes now."""


class ReadOnly(Later, code="read_only"):
    """The service's records are being made anew: nothing can be changed, and what is not found may be there soon."""


class DependencyUnavailable(Later, code="dependency_unavailable"):
    """Something that the service needs is away."""


class OutcomeUnknown(ApiError, code="outcome_unknown"):
    """The task may exist or not. The same submit with the same Idempotency-Key tells."""


class DependencyRefused(ApiError, code="dependency_refused"):
    """Something that the service needs refused it: an operator must look."""


class Internal(ApiError, code="internal"):
    """A bug of the service: report its ``request_id``."""
