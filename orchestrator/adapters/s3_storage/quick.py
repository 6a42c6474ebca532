"""The calls of every task, as one signed request each over kept connections: a fifth of boto3's CPU (performance.md).

Nothing here retries or explains: what is not a plain success raises `Unsettled`, and boto3 is asked, which does both.
"""

import hashlib
import hmac
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

from botocore.httpsession import get_cert_path
from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.exceptions import HTTPError

from orchestrator.adapters.s3_storage.address import S3Address
from orchestrator.domain.errors import MediaTooLarge
from orchestrator.ports.storage import ObjectInfo

ALGORITHM = "AWS4-HMAC-SHA256"
CHUNK_BYTES = 1024**2
OK = 200
NOTHING = b""

Method = Literal["GET", "HEAD", "PUT"]


class Unsettled(Exception):
    """The one attempt did not succeed; why is not known."""


class QuickS3:
    """One bucket, path style. Safe to share between threads; made after the fork."""

    def __init__(self, address: S3Address) -> None:
        endpoint = urlsplit(address.endpoint)
        self._origin, self._host = f"{endpoint.scheme}://{endpoint.netloc}", endpoint.netloc
        self._root = f"{endpoint.path.rstrip('/')}/{address.bucket}/"
        self._signer = Signer(address)
        self._pool = PoolManager(
            maxsize=32, retries=False, timeout=Timeout(connect=5, read=20), ca_certs=get_cert_path(verify=True)
        )

    def head(self, key: str) -> ObjectInfo:
        with self._asked("HEAD", key) as answer:
            return _parse_info(key, answer.headers)

    def fetch(self, key: str, destination: Path, *, etag: str, limit_bytes: int) -> ObjectInfo:
        with self._asked("GET", key, headers={"if-match": f'"{etag}"'}) as answer:
            info = _parse_info(key, answer.headers)
            if info.size_bytes > limit_bytes:
                raise MediaTooLarge
            write_new(destination, answer.stream(CHUNK_BYTES, decode_content=False))
        return info

    def put(self, content: bytes, key: str, *, content_type: str) -> ObjectInfo:
        with self._asked("PUT", key, headers={"content-type": content_type}, body=content) as answer:
            return ObjectInfo(key, len(content), _etag_of(answer.headers), content_type)

    @contextmanager
    def _asked(
        self, method: Method, key: str, *, headers: Mapping[str, str] | None = None, body: bytes = NOTHING
    ) -> Iterator[BaseHTTPResponse]:
        """The answer with its body still to come; closed afterwards, its connection kept if it was read to the end."""
        path = self._root + quote(key, safe="/-_.~")
        sent = {"host": self._host, **(headers or {})}
        signed = self._signer.sign(method, path, headers=sent, body=body)
        try:
            answer = self._pool.request(
                method, self._origin + path, headers=signed, body=body or None, preload_content=False, redirect=False
            )
            with closing(answer):  # what was read to its end has given its connection back before
                if answer.status != OK:
                    raise Unsettled(f"{method} was answered {answer.status}")
                yield answer
                answer.drain_conn()
                answer.release_conn()
        except HTTPError as error:
            raise Unsettled(f"{method} broke off") from error


class Signer:
    """AWS Signature Version 4 in headers ("Authenticating Requests", Amazon S3 API Reference)."""

    def __init__(self, address: S3Address) -> None:
        self._address = address
        self._key_of_day = ("", b"")

    def sign(self, method: Method, path: str, *, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        """``headers`` (names in small letters, `host` among them) with what proves who sends them and ``body``."""
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        body_sha256 = hashlib.sha256(body).hexdigest()
        all_headers = {**headers, "x-amz-content-sha256": body_sha256, "x-amz-date": now}
        names = sorted(all_headers)
        lines = [f"{name}:{all_headers[name]}" for name in names]
        canonical = "\n".join([method, path, "", *lines, "", ";".join(names), body_sha256])
        day, scope = now[:8], f"{now[:8]}/{self._address.region}/s3/aws4_request"
        text = "\n".join([ALGORITHM, now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        signature = hmac.digest(self._key_of(day), text.encode(), "sha256").hex()
        credential = f"{self._address.access_key_id}/{scope}"
        proof = f"{ALGORITHM} Credential={credential}, SignedHeaders={';'.join(names)}, Signature={signature}"
        return {**all_headers, "authorization": proof}

    def _key_of(self, day: str) -> bytes:
        known_day, key = self._key_of_day
        if known_day != day:
            key = f"AWS4{self._address.secret_access_key}".encode()
            for part in (day, self._address.region, "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._key_of_day = (day, key)  # in one step: threads share it
        return key


def write_new(destination: Path, chunks: Iterator[bytes]) -> None:
    """Nothing is left when the chunks break off."""
    with destination.open("xb") as file:
        try:
            file.writelines(chunks)
        except BaseException:
            destination.unlink()
            raise


def parse_etag(quoted: str) -> str:
    return quoted.strip('"')


def _parse_info(key: str, headers: Mapping[str, str]) -> ObjectInfo:
    size_bytes = headers.get("content-length")
    if size_bytes is None:
        raise Unsettled("the answer has no size")
    return ObjectInfo(key, int(size_bytes), _etag_of(headers), headers.get("content-type", ""))


def _etag_of(headers: Mapping[str, str]) -> str:
    etag = headers.get("etag")
    if etag is None:
        raise Unsettled("the answer has no etag")
    return parse_etag(etag)
