"""One bucket through boto3, with settings that Cloudflare R2 accepts (stack facts D)."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from orchestrator.adapters.s3_storage.address import S3Address
from orchestrator.adapters.s3_storage.public_urls import PublicUrls
from orchestrator.adapters.s3_storage.quick import CHUNK_BYTES, QuickS3, Unsettled, parse_etag, write_new
from orchestrator.adapters.s3_storage.status import SERVICE, read_status, translated
from orchestrator.domain.errors import Category, MediaTooLarge, Refused
from orchestrator.ports.storage import ObjectInfo, SignedUrl

HELD_BYTES = 1024**2  # files up to this size may be held whole
PART_BYTES = 16 * 1024**2
NOT_FOUND = 404

CLIENT = Config(
    signature_version="s3v4",
    s3={"addressing_style": "path"},
    # The trailing checksums that boto3 adds by itself are refused by R2. The body's SHA-256 is still signed.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    # Not adaptive: that would slow every call down after one 429 for one key.
    retries={"mode": "standard", "total_max_attempts": 4},
    connect_timeout=5,
    read_timeout=60,
    max_pool_connections=32,
    tcp_keepalive=True,
)
PROBE = CLIENT.merge(Config(retries={"total_max_attempts": 1}, connect_timeout=1, read_timeout=2))
UPLOAD = TransferConfig(multipart_threshold=PART_BYTES + 1, multipart_chunksize=PART_BYTES, max_concurrency=4)


def connector(address: S3Address) -> Callable[[str, Config], Any]:
    """What makes clients of an endpoint. They share a session: each session reads S3's whole description anew."""
    session = boto3.session.Session()

    def connect(endpoint: str, config: Config) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
        return session.client(
            "s3",
            endpoint_url=endpoint,
            region_name=address.region,
            aws_access_key_id=address.access_key_id,
            aws_secret_access_key=address.secret_access_key,
            config=config,
        )

    return connect


class S3Storage:
    """Safe to share between threads. Made after the fork: it keeps connections.

    Three calls are made for every task. They are tried quickly, and by boto3 when that did not succeed.
    """

    def __init__(self, address: S3Address) -> None:
        self._bucket = address.bucket
        self._quick = QuickS3(address)
        connect = connector(address)
        self._client = connect(address.endpoint, CLIENT)
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
        with suppress(Unsettled):
            return self._quick.head(key)
        with translated():
            return _parse_info(key, self._client.head_object(Bucket=self._bucket, Key=key))

    def fetch(self, key: str, destination: Path, *, etag: str, limit_bytes: int) -> ObjectInfo:
        with suppress(Unsettled):
            return self._quick.fetch(key, destination, etag=etag, limit_bytes=limit_bytes)
        with translated():
            answer = self._client.get_object(Bucket=self._bucket, Key=key, IfMatch=f'"{etag}"')
            info = _parse_info(key, answer)
            with closing(answer["Body"]) as body:
                if info.size_bytes > limit_bytes:
                    raise MediaTooLarge
                write_new(destination, body.iter_chunks(CHUNK_BYTES))
        return info

    def store(self, source: Path, key: str, *, content_type: str) -> ObjectInfo:
        size_bytes = source.stat().st_size
        if size_bytes <= HELD_BYTES:
            return self.put(source.read_bytes(), key, content_type=content_type)
        with translated():
            if size_bytes > PART_BYTES:
                place = {"Bucket": self._bucket, "Key": key, "ExtraArgs": {"ContentType": content_type}}
                self._client.upload_file(str(source), **place, Config=UPLOAD)
                return self.head(key)
            with source.open("rb") as body:
                answer = self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=content_type)
        return ObjectInfo(key, size_bytes, parse_etag(answer["ETag"]), content_type)

    def put(self, content: bytes, key: str, *, content_type: str) -> ObjectInfo:
        with suppress(Unsettled):
            return self._quick.put(content, key, content_type=content_type)
        with translated():
            answer = self._client.put_object(Bucket=self._bucket, Key=key, Body=content, ContentType=content_type)
        return ObjectInfo(key, len(content), parse_etag(answer["ETag"]), content_type)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        with translated():
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            for row in chain.from_iterable(page.get("Contents", ()) for page in pages):
                yield ObjectInfo(row["Key"], row["Size"], parse_etag(row["ETag"]), "")

    def delete(self, key: str) -> None:
        # One by one: the call for many sends a checksum that R2 may refuse (stack facts D).
        with translated():
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def sign_put(self, key: str, *, content_type: str, size_bytes: int, expires_s: float) -> SignedUrl:
        headers = {"Content-Type": content_type, "Content-Length": str(size_bytes)}
        return self._urls.sign("PUT", key, headers=headers, query={}, expires_s=expires_s)

    def sign_get(self, key: str, *, expires_s: float, filename: str) -> SignedUrl:
        query = {"response-content-disposition": render_disposition(filename)}
        return self._urls.sign("GET", key, headers={}, query=query, expires_s=expires_s)


def render_disposition(filename: str) -> str:
    """A Content-Disposition that saves as ``filename`` (RFC 6266), whatever characters that has."""
    name = re.sub(r"[/\\\x00-\x1f\x7f]", "_", filename)
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _parse_info(key: str, answer: Mapping[str, Any]) -> ObjectInfo:
    return ObjectInfo(key, answer["ContentLength"], parse_etag(answer["ETag"]), answer.get("ContentType", ""))
