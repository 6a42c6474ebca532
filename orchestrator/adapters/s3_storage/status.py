"""What failures of S3 and boto3 mean to us (stack facts D). Codes come before statuses, statuses before classes."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from boto3.exceptions import Boto3Error
from botocore.exceptions import (
    BotoCoreError,
    ChecksumError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own, not Python's
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
)

from orchestrator.domain.breaker import BUSY, AccessDenied
from orchestrator.domain.errors import Category, InputChanged, InputNotFound, OrchestratorError, Refused, Unavailable

SERVICE = "storage"

Meaning = Callable[[], OrchestratorError]

_AWAY: Meaning = partial(Unavailable, "the object store cannot be reached", service=SERVICE, category=Category.STORAGE)
_LATER: Meaning = partial(Unavailable, "the object store asks for a pause", service=SERVICE, category=Category.STORAGE)
_BROKEN_OFF: Meaning = partial(
    Unavailable, "a transfer to the object store broke off", service=SERVICE, category=Category.STORAGE
)
_BUSY: Meaning = partial(
    Unavailable, "the object store asks for a pause", service=SERVICE, category=Category.STORAGE, code=BUSY
)
_DENIED: Meaning = partial(AccessDenied, "the object store does not accept this node's credentials", service=SERVICE)
_REFUSED: Meaning = partial(Refused, "the object store refused the call", service=SERVICE, category=Category.INTERNAL)
_NO_BUCKET: Meaning = partial(
    Refused, "the bucket does not exist", service=SERVICE, category=Category.INTERNAL, code="no_bucket"
)

CODES: Mapping[str, Meaning] = {
    "NoSuchBucket": _NO_BUCKET,
    "NoSuchUpload": _BROKEN_OFF,
    # R2 answers these with 400 when the connection, not the request, was bad.
    "ClientDisconnect": _BROKEN_OFF,
    "IncompleteBody": _BROKEN_OFF,
    "RequestTimeout": _BROKEN_OFF,
}

STATUSES: Mapping[range, Meaning] = {
    range(401, 402): _DENIED,
    range(403, 404): _DENIED,
    range(404, 405): InputNotFound,
    range(412, 413): InputChanged,
    range(429, 430): _BUSY,
    range(501, 502): _REFUSED,  # not implemented
    range(500, 600): _LATER,
    range(600): _REFUSED,
}

CLASSES: Mapping[type[Exception], Meaning] = {
    ConnectionError: _AWAY,
    HTTPClientError: _AWAY,
    IncompleteReadError: _BROKEN_OFF,
    ChecksumError: _BROKEN_OFF,
    FlexibleChecksumError: _BROKEN_OFF,
    # The rest is about credentials, configuration and parameters: another try meets the same.
    BotoCoreError: _REFUSED,
    Boto3Error: _REFUSED,
}


def read_status(error: ClientError) -> int:
    """The HTTP status of an answer."""
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def parse_error(error: Exception) -> OrchestratorError:
    """Our error for one of boto3's, to be raised from it. It carries none of the store's words."""
    if isinstance(error, Boto3Error) and isinstance(error.__context__, ClientError):
        return parse_error(error.__context__)  # how boto3 wraps what happens to a part of an upload
    if not isinstance(error, ClientError):
        return next(meaning() for kind, meaning in CLASSES.items() if isinstance(error, kind))
    code = error.response["Error"]["Code"]
    if code in CODES:
        return CODES[code]()
    return next(meaning() for statuses, meaning in STATUSES.items() if read_status(error) in statuses)


@contextmanager
def translated() -> Iterator[None]:
    """Errors of boto3 leave this block as ours."""
    try:
        yield
    except (BotoCoreError, Boto3Error, ClientError) as error:
        raise parse_error(error) from error
