"""The double of R2 refuses what R2 refuses (stack facts D); without that, passing it would prove nothing."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from servers import SeaweedFs

from orchestrator.adapters.s3_storage import S3Storage
from orchestrator.adapters.s3_storage.access import CLIENT, connector

FIVE_MIB = 5 * 1024**2
FORM = {"content-type": "multipart/form-data; boundary=x"}
STREAMED = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-trailer": "x-amz-checksum-crc32"}


@pytest.fixture
def client(r2_server: SeaweedFs) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
    return connector(r2_server.address)(r2_server.endpoint, CLIENT.merge(Config(retries={"total_max_attempts": 1})))


@pytest.mark.parametrize(
    ("method", "target", "headers", "refusal"),
    [
        ("PUT", "key", STREAMED, (401, "Unauthorized")),
        ("PUT", "key", {"content-encoding": "aws-chunked"}, (501, "NotImplemented")),
        ("PUT", "key", {"x-amz-trailer": "x-amz-checksum-crc32"}, (501, "NotImplemented")),
        ("PUT", "key", {"x-amz-acl": "public-read"}, (501, "NotImplemented")),
        ("PUT", "key", {"x-amz-tagging": "a=b"}, (501, "NotImplemented")),
        ("PUT", "key?partNumber=10001&uploadId=u", {}, (400, "InvalidArgument")),
        ("PUT", "key?X-Amz-Expires=604801&X-Amz-Signature=s", {}, (400, "AuthorizationQueryParametersError")),
        ("POST", "", FORM, (501, "NotImplemented")),
        ("POST", "?delete", {"x-amz-checksum-crc32": "AAAAAA=="}, (501, "NotImplemented")),
        ("POST", "key?uploads&X-Amz-Signature=s", {}, (501, "NotImplemented")),
    ],
)
def test_what_r2_does_not_know_is_refused(
    r2_server: SeaweedFs, method: str, target: str, headers: Mapping[str, str], refusal: tuple[int, str]
) -> None:
    url = f"{r2_server.endpoint}/{r2_server.bucket}/{target}"
    answer = httpx.request(method, url, headers=headers, content=b"some bytes")
    assert (answer.status_code, refusal[1] in answer.text) == (refusal[0], True)


def test_a_body_without_a_length_is_refused(r2_server: SeaweedFs) -> None:
    answer = httpx.put(f"{r2_server.endpoint}/{r2_server.bucket}/key", content=iter([b"in chunks"]))
    assert answer.status_code == 411


def test_a_key_takes_one_write_a_second(r2_server: SeaweedFs, client: Any) -> None:  # noqa: ANN401 - as above
    client.put_object(Bucket=r2_server.bucket, Key="strict/often", Body=b"1")
    with pytest.raises(ClientError, match="TooManyRequests"):
        client.put_object(Bucket=r2_server.bucket, Key="strict/often", Body=b"2")
    client.put_object(Bucket=r2_server.bucket, Key="strict/other", Body=b"2")


@pytest.mark.parametrize(
    ("sizes", "code"),
    [
        ((FIVE_MIB, FIVE_MIB + 1, 9), "InvalidPart"),
        ((FIVE_MIB - 1, 9), "EntityTooSmall"),
        ((FIVE_MIB, FIVE_MIB, 9), None),
    ],
)
def test_parts_are_equal_but_for_the_last(
    r2_server: SeaweedFs,
    client: Any,  # noqa: ANN401 - as above
    *,
    sizes: tuple[int, ...],
    code: str | None,
) -> None:
    place = {"Bucket": r2_server.bucket, "Key": f"strict/{len(sizes)}-{code}"}
    place["UploadId"] = client.create_multipart_upload(**place)["UploadId"]
    etags = [
        client.upload_part(**place, PartNumber=number, Body=bytes(size))["ETag"]
        for number, size in enumerate(sizes, start=1)
    ]
    parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, start=1)]
    if code is None:
        client.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
        assert S3Storage(r2_server.address).head(place["Key"]).size_bytes == sum(sizes)
    else:
        with pytest.raises(ClientError, match=code):
            client.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
        client.abort_multipart_upload(**place)
