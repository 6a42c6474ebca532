"""`PartStorage` through boto3: multipart uploads whose parts clients put themselves (stack facts D)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from itertools import chain
from typing import Any

from botocore.exceptions import ClientError

from orchestrator.adapters.s3_storage.access import CLIENT, connector
from orchestrator.adapters.s3_storage.address import S3Address
from orchestrator.adapters.s3_storage.public_urls import PublicUrls
from orchestrator.adapters.s3_storage.quick import parse_etag
from orchestrator.adapters.s3_storage.status import translated
from orchestrator.domain.errors import UploadNotFound
from orchestrator.domain.upload import Part
from orchestrator.ports.parts import Unfinished
from orchestrator.ports.storage import SignedUrl

NO_UPLOAD = "NoSuchUpload"


class S3Parts:
    """Safe to share between threads. Made after the fork: it keeps connections."""

    def __init__(self, address: S3Address) -> None:
        self._bucket = address.bucket
        self._client = connector(address)(address.endpoint, CLIENT)
        self._urls = PublicUrls(address)

    def begin(self, key: str, *, content_type: str) -> str:
        with translated():
            answer = self._client.create_multipart_upload(Bucket=self._bucket, Key=key, ContentType=content_type)
        return str(answer["UploadId"])

    def sign_part(self, key: str, parts_id: str, *, number: int, size_bytes: int, expires_s: float) -> SignedUrl:
        headers, query = {"Content-Length": str(size_bytes)}, {"partNumber": str(number), "uploadId": parts_id}
        return self._urls.sign("PUT", key, headers=headers, query=query, expires_s=expires_s)

    def list_parts(self, key: str, parts_id: str) -> tuple[Part, ...]:
        with _told_apart():
            pages = self._client.get_paginator("list_parts").paginate(**self._named(key, parts_id))
            rows = sorted(chain.from_iterable(page.get("Parts", ()) for page in pages), key=_by_number_and_age)
        # SeaweedFS lists a part that was put again with other bytes twice; the later one counts, as everywhere.
        latest = {row["PartNumber"]: Part(row["PartNumber"], row["Size"], parse_etag(row["ETag"])) for row in rows}
        return tuple(latest.values())

    def complete(self, key: str, parts_id: str, *, parts: tuple[Part, ...]) -> None:
        named = [{"PartNumber": part.number, "ETag": f'"{part.etag}"'} for part in parts]
        with _told_apart():
            self._client.complete_multipart_upload(**self._named(key, parts_id), MultipartUpload={"Parts": named})

    def abort(self, key: str, parts_id: str) -> None:
        with suppress(UploadNotFound), _told_apart():
            self._client.abort_multipart_upload(**self._named(key, parts_id))

    def unfinished(self, prefix: str) -> Iterator[Unfinished]:
        with translated():
            pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket, Prefix=prefix)
            for page in pages:
                now = parsedate_to_datetime(page["ResponseMetadata"]["HTTPHeaders"]["date"])
                for row in page.get("Uploads", ()):
                    yield Unfinished(row["Key"], row["UploadId"], (now - row["Initiated"]).total_seconds())

    def _named(self, key: str, parts_id: str) -> Mapping[str, Any]:
        return {"Bucket": self._bucket, "Key": key, "UploadId": parts_id}


def _by_number_and_age(row: Mapping[str, Any]) -> tuple[int, datetime]:
    return row["PartNumber"], row["LastModified"]


@contextmanager
def _told_apart() -> Iterator[None]:
    """As `translated`, but an upload that the store does not know is an answer here and no fault."""
    with translated():
        try:
            yield
        except ClientError as error:
            if error.response["Error"]["Code"] == NO_UPLOAD:
                raise UploadNotFound from error
            raise
