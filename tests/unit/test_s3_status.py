"""Every exception that boto3 and botocore have, and every answer of R2 that we know of, has a meaning."""

import inspect

import boto3.exceptions
import botocore.exceptions
import pytest
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError

from orchestrator.adapters.s3_storage.bucket import render_disposition
from orchestrator.adapters.s3_storage.status import CLASSES, parse_error
from orchestrator.domain.breaker import AccessDenied
from orchestrator.domain.errors import InputChanged, InputNotFound, OrchestratorError, Refused, Unavailable

# Each name below was looked at: may another try succeed?
TRY_AGAIN = frozenset({
    "ChecksumError", "ConnectTimeoutError", "ConnectionClosedError", "ConnectionError", "EndpointConnectionError",
    "FlexibleChecksumError", "HTTPClientError", "IncompleteReadError", "ProxyConnectionError", "ReadTimeoutError",
    "ResponseStreamingError", "SSLError",
})  # fmt: skip
NEVER = frozenset({
    "AliasConflictParameterError", "ApiVersionNotFoundError", "AwsChunkedWrapperError", "BaseEndpointResolverError",
    "Boto3Error", "BotoCoreError", "CapacityNotAvailableError", "ConfigNotFound", "ConfigParseError",
    "CredentialRetrievalError", "DataNotFoundError", "DynamoDBNeedsConditionError",
    "DynamoDBNeedsKeyConditionError", "DynamoDBOperationNotSupportedError", "EndpointProviderError",
    "EndpointResolutionError", "EndpointVariantError", "InfiniteLoopConfigError", "InvalidChecksumConfigError",
    "InvalidConfigError", "InvalidCrtTransferConfigError", "InvalidDNSNameError", "InvalidDefaultsMode",
    "InvalidEndpointConfigurationError", "InvalidEndpointDiscoveryConfigurationError", "InvalidExpressionError",
    "InvalidHostLabelError", "InvalidIMDSEndpointError", "InvalidIMDSEndpointModeError",
    "InvalidMaxRetryAttemptsError", "InvalidProxiesConfigError", "InvalidRegionError",
    "InvalidRetryConfigurationError", "InvalidRetryModeError", "InvalidS3AddressingStyleError",
    "InvalidS3UsEast1RegionalEndpointConfigError", "InvalidSTSRegionalEndpointsConfigError",
    "LoginAuthorizationCodeError", "LoginError", "LoginInsufficientPermissions", "LoginRefreshRequired",
    "LoginTokenLoadError", "MD5UnavailableError", "MetadataRetrievalError", "MissingDependencyException",
    "MissingParametersError", "NoAuthTokenError", "NoCredentialsError", "NoRegionError", "NoVersionFound",
    "OperationNotPageableError", "PaginationError", "ParamValidationError", "PartialCredentialsError",
    "ProfileNotFound", "RangeError", "RefreshWithMFAUnsupportedError", "ResourceLoadException",
    "ResourceNotExistsError", "RetriesExceededError", "S3TransferFailedError", "S3UploadFailedError", "SSOError",
    "SSOTokenLoadError", "ServiceNotInRegionError", "StubAssertionError", "StubResponseError",
    "TokenRetrievalError", "UnStubbedResponseError", "UnauthorizedSSOTokenError", "UnknownAPIVersionError",
    "UnknownClientMethodError", "UnknownCredentialError", "UnknownEndpointError",
    "UnknownEndpointResolutionBuiltInName", "UnknownFIPSEndpointError", "UnknownKeyError", "UnknownParameterError",
    "UnknownRegionError", "UnknownServiceError", "UnknownServiceStyle", "UnknownSignatureVersionError",
    "UnknownTokenProviderError", "UnseekableStreamError", "UnsupportedOutpostResourceError",
    "UnsupportedS3AccesspointConfigurationError", "UnsupportedS3ArnError", "UnsupportedS3ConfigurationError",
    "UnsupportedS3ControlArnError", "UnsupportedS3ControlConfigurationError", "UnsupportedServiceProtocolsError",
    "UnsupportedSignatureVersionError", "ValidationError", "WaiterConfigError", "WaiterError",
})  # fmt: skip
# Answers of the store have a table of their own; the last two are raised while botocore reads its own data files.
OTHERS = {"ClientError", "EventStreamError", "MissingServiceIdError", "UndefinedModelAttributeError"}

# Code, status, meaning: stack facts D, and what SeaweedFS and S3 answer.
ANSWERS: list[tuple[str, int, type[OrchestratorError]]] = [
    ("NoSuchKey", 404, InputNotFound),
    ("404", 404, InputNotFound),
    ("NoSuchBucket", 404, Refused),
    ("NoSuchUpload", 404, Unavailable),
    ("PreconditionFailed", 412, InputChanged),
    ("412", 412, InputChanged),
    ("TooManyRequests", 429, Unavailable),
    ("InternalError", 500, Unavailable),
    ("NotImplemented", 501, Refused),
    ("BadGateway", 502, Unavailable),
    ("ServiceUnavailable", 503, Unavailable),
    ("SlowDown", 503, Unavailable),
    ("GatewayTimeout", 504, Unavailable),
    ("ClientDisconnect", 400, Unavailable),
    ("IncompleteBody", 400, Unavailable),
    ("RequestTimeout", 400, Unavailable),
    ("InvalidPart", 400, Refused),
    ("MissingContentLength", 411, Refused),
    ("Unauthorized", 401, AccessDenied),
    ("AccessDenied", 403, AccessDenied),
    ("SignatureDoesNotMatch", 403, AccessDenied),
    ("PermanentRedirect", 301, Refused),
]


def answer(code: str, status: int) -> ClientError:
    said = {"Error": {"Code": code, "Message": "their words"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(said, "PutObject")


def exception_classes() -> dict[str, type[Exception]]:
    found = [
        kind
        for module in (botocore.exceptions, boto3.exceptions)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Exception) and not issubclass(kind, Warning) and kind.__module__ == module.__name__
    ]
    return {kind.__name__: kind for kind in found}


def test_every_exception_class_was_looked_at() -> None:
    assert exception_classes().keys() == TRY_AGAIN | NEVER | OTHERS


@pytest.mark.parametrize("name", sorted(TRY_AGAIN | NEVER))
def test_every_exception_class_has_its_meaning(name: str) -> None:
    raised = exception_classes()[name]
    meaning = next(meaning for kind, meaning in CLASSES.items() if issubclass(raised, kind))
    assert isinstance(meaning(), Unavailable if name in TRY_AGAIN else Refused)


@pytest.mark.parametrize(("code", "status", "error"), ANSWERS)
def test_what_stores_answer_is_understood(code: str, status: int, error: type[OrchestratorError]) -> None:
    ours = parse_error(answer(code, status))
    assert type(ours) is error
    assert "their words" not in str(ours)


@pytest.mark.parametrize("status", range(300, 600))
def test_every_failing_status_has_a_meaning(status: int) -> None:
    assert isinstance(parse_error(answer("NewCode", status)), OrchestratorError)


def test_a_failed_part_of_an_upload_means_what_its_cause_means() -> None:
    def upload() -> None:
        try:
            raise answer("SlowDown", 503)
        except ClientError:
            # As boto3 raises it: without `from`.
            raise S3UploadFailedError("Failed to upload")  # noqa: B904 - the point of this test

    with pytest.raises(S3UploadFailedError) as caught:
        upload()
    assert isinstance(parse_error(caught.value), Unavailable)


@pytest.mark.parametrize(
    ("filename", "header"),
    [
        ("cut 1.mp4", "attachment; filename=\"cut 1.mp4\"; filename*=UTF-8''cut%201.mp4"),
        ("é.png", "attachment; filename=\"_.png\"; filename*=UTF-8''%C3%A9.png"),
        ('a"\r\nX: b', "attachment; filename=\"a___X_ b\"; filename*=UTF-8''a%22__X%3A%20b"),
        ("../etc/x", "attachment; filename=\".._etc_x\"; filename*=UTF-8''.._etc_x"),
    ],
)
def test_a_name_cannot_break_out_of_its_header(filename: str, header: str) -> None:
    assert render_disposition(filename) == header
