"""`ObjectStorage` in one bucket of S3 or R2."""

import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import quote

from botocore.config import Config
from botocore.exceptions import ClientError
from urllib3 import Timeout

from orchestrator.adapters.s3_storage.access import ANY, CLIENT, Access, connector
from orchestrator.adapters.s3_storage.address import S3Address
from orchestrator.adapters.s3_storage.body import body_of, stretch_of
from orchestrator.adapters.s3_storage.download import fetch
from orchestrator.adapters.s3_storage.public_urls import PublicUrls
from orchestrator.adapters.s3_storage.quick import ANSWER_S, QuickS3, parse_etag
from orchestrator.adapters.s3_storage.status import SERVICE, read_status, translated
from orchestrator.adapters.s3_storage.upload import PART_BYTES, store_in_parts
from orchestrator.domain.errors import Category, Refused
from orchestrator.ports.storage import KeepGoing, ObjectInfo, SignedUrl, go_on

ONCE = Config(retries={"mode": "standard", "total_max_attempts": 1})
PROBE = CLIENT.merge(ONCE).merge(Config(connect_timeout=1, read_timeout=2))
NOT_FOUND = 404


class S3Storage:
    """Safe to share between threads. Made after the fork: it keeps connections.

    ``cache_control`` is said of every object. An answer may take ``answer_s``.
    """

    def __init__(self, address: S3Address, *, cache_control: str = "", answer_s: float = ANSWER_S) -> None:
        connect = connector(address)
        self._bucket = address.bucket
        patient = CLIENT.merge(Config(read_timeout=answer_s))
        self._client = connect(address.endpoint, patient)
        quick, once = QuickS3(address, timeout=Timeout(connect=5, read=answer_s)), patient.merge(ONCE)
        self._access = Access(address.bucket, quick, self._client, connect(address.endpoint, once), cache_control)
        self._probe = connect(address.endpoint, PROBE)
        self._urls = PublicUrls(address)

    def check(self) -> None:
        with translated():
            try:
                self._probe.head_bucket(Bucket=self._bucket)
            except ClientError as error:
                if read_status(error) != NOT_FOUND:
                    raise
                message = "the bucket does not exist"
                raise Refused(message, service=SERVICE, category=Category.INTERNAL, code="no_bucket") from error

    def head(self, key: str) -> ObjectInfo:
        return self._access.head(key)

    def fetch(
        self, key: str, destination: Path, *, etag: str, limit_bytes: int, keep_going: KeepGoing = go_on
    ) -> ObjectInfo:
        return fetch(
            self._access, key, destination=destination, etag=etag, limit_bytes=limit_bytes, keep_going=keep_going
        )

    def store(self, source: Path, key: str, *, content_type: str, keep_going: KeepGoing = go_on) -> ObjectInfo:
        size_bytes = source.stat().st_size
        if size_bytes > PART_BYTES:
            return store_in_parts(self._access, source, key=key, content_type=content_type, keep_going=keep_going)
        body = stretch_of(source, start=0, size_bytes=size_bytes, keep_going=keep_going)
        return self._access.create(key, body, content_type=content_type)

    def put(self, content: bytes, key: str, *, content_type: str) -> ObjectInfo:
        return self._access.create(key, body_of(content), content_type=content_type)

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        with translated():
            where = {"Bucket": self._bucket, "Prefix": prefix} | ({"StartAfter": after} if after else {})
            pages = self._client.get_paginator("list_objects_v2").paginate(**where)
            for page in pages:
                now = parsedate_to_datetime(page["ResponseMetadata"]["HTTPHeaders"]["date"])
                for row in page.get("Contents", ()):
                    age_s = (now - row["LastModified"]).total_seconds()
                    yield ObjectInfo(row["Key"], row["Size"], parse_etag(row["ETag"]), "", age_s=age_s)

    def delete(self, key: str) -> None:
        # One by one: the call for many sends a checksum that R2 may refuse (stack facts D).
        with translated():
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def sign_put(
        self, key: str, *, content_type: str, size_bytes: int, expires_s: float, only_new: bool = False
    ) -> SignedUrl:
        headers = {"Content-Type": content_type, "Content-Length": str(size_bytes)}
        if only_new:
            headers["If-None-Match"] = ANY
        return self._urls.sign("PUT", key, headers=headers, query={}, expires_s=expires_s)

    def sign_get(self, key: str, *, expires_s: float, filename: str) -> SignedUrl:
        query = {"response-content-disposition": render_disposition(filename)}
        return self._urls.sign("GET", key, headers={}, query=query, expires_s=expires_s)


def render_disposition(filename: str) -> str:
    """A Content-Disposition that saves as ``filename`` (RFC 6266), whatever characters that has."""
    name = re.sub(r"[/\\\x00-\x1f\x7f]", "_", filename)
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
