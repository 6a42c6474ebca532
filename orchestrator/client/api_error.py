"""The base of the client's exceptions, and how one is read; `errors.py` has one for each code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

NO_ANSWER = 0


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field of the request; ``code`` says of what kind it is, in the answer to a batch."""

    field: str
    message: str
    code: str | None = None


class ApiError(Exception):
    """``code`` is stable; a code that this client does not know yet is an `ApiError` and nothing more.

    ``status`` is that of HTTP, 0 when there was no answer. ``retry_after_s`` says when another try can help, ``fields``
    what is wrong where. With ``request_id`` the service's operator finds the call in the log.
    """

    code = "unknown"
    kinds: ClassVar[dict[str, type["ApiError"]]] = {}

    def __init_subclass__(cls, *, code: str | None = None) -> None:
        if code is not None:
            cls.code = code
            ApiError.kinds[code] = cls

    def __init__(
        self,
        message: str,
        *,
        status: int = NO_ANSWER,
        code: str | None = None,
        retry_after_s: float | None = None,
        fields: Sequence[FieldProblem] = (),
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code or type(self).code
        self.retry_after_s = retry_after_s
        self.fields = tuple(fields)
        self.request_id = request_id


def parse_error(body: Mapping[str, Any], *, status: int, request_id: str | None) -> ApiError:
    """The error that problem details describe.

    Raises:
        LookupError, TypeError: these are none.
    """
    code = body["code"]
    return ApiError.kinds.get(code, ApiError)(
        body["detail"],
        status=status,
        code=code,
        retry_after_s=body.get("retry_after_s"),
        fields=[FieldProblem(flaw["field"], flaw["message"], flaw.get("code")) for flaw in body.get("errors") or ()],
        request_id=request_id,
    )
