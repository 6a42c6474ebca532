"""The one error of the client: what the service refused, or that it could not be reached."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field of the request."""

    field: str
    message: str


class ApiError(Exception):
    """``code`` is stable. ``status`` is 0 when no answer came (code ``unreachable``)."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str,
        retry_after_s: float | None = None,
        fields: tuple[FieldProblem, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s
        self.fields = fields


class UploadInterrupted(ApiError):
    """An upload in parts broke off; `OrchestratorClient.upload` goes on with ``resume=upload_id``."""

    def __init__(self, error: ApiError, upload_id: str) -> None:
        super().__init__(
            error.message,
            status=error.status,
            code=error.code,
            retry_after_s=error.retry_after_s,
            fields=error.fields,
        )
        self.upload_id = upload_id
