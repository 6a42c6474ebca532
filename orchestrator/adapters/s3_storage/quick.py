"""The calls of every task and of every part, as one signed request each over kept connections: a fifth of boto3's CPU.

Nothing here retries or explains: what is not a plain success raises `Unsettled`, and boto3 is asked, which does both.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TypeVar

from botocore.httpsession import get_cert_path
from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.exceptions import HTTPError, ReadTimeoutError

from orchestrator.adapters.s3_storage.address import Place, S3Address
from orchestrator.adapters.s3_storage.body import Body
from orchestrator.adapters.s3_storage.signer import Method, Signer, render_query
from orchestrator.ports.storage import ObjectInfo

CHUNK_BYTES = 256 * 1024
SUCCESSES = frozenset({200, 206})
SHA256 = "sha256"  # metadata of an object: what its maker says of its bytes
ANSWER_S = 20.0  # an answer, and each further piece of it, may take so long
PATIENCE = Timeout(connect=5, read=ANSWER_S)
NOTHING_SHA256 = hashlib.sha256(b"").hexdigest()

T = TypeVar("T")
Reader = Callable[[ObjectInfo, Iterator[bytes]], T]


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of an object, from ``start`` on."""

    start: int
    size_bytes: int

    @property
    def header(self) -> str:
        return f"bytes={self.start}-{self.start + self.size_bytes - 1}"


class Unsettled(Exception):
    """The one attempt did not succeed; why is not known."""


class Unanswered(Unsettled):
    """The store is there and says nothing."""


class QuickS3:
    """One bucket, path style. Safe to share between threads; made after the fork."""

    def __init__(self, address: S3Address, *, timeout: Timeout = PATIENCE) -> None:
        self._place = Place.of_bucket(address.endpoint, address.bucket)
        self._signer = Signer(address)
        self._pool = PoolManager(maxsize=32, retries=False, timeout=timeout, ca_certs=get_cert_path(verify=True))

    def head(self, key: str) -> ObjectInfo:
        with self._asked("HEAD", key) as answer:
            return _parse_info(key, answer.headers)

    def get_whole(self, key: str) -> bytes:
        """A small object, whichever it is now."""
        with self._asked("GET", key) as answer:
            return answer.read(decode_content=False)

    def get(self, key: str, *, etag: str, span: Span | None, read: Reader[T]) -> T:
        """What ``read`` makes of the object or a ``span`` of it, whose size is then the one that it is told."""
        wanted = {"if-match": f'"{etag}"'} | ({"range": span.header} if span else {})
        with self._asked("GET", key, headers=wanted) as answer:
            return read(_parse_info(key, answer.headers), _chunks_of(answer))

    def put(self, key: str, body: Body, *, headers: Mapping[str, str], query: Mapping[str, str] | None = None) -> str:
        """The etag of what is there now: an object, or the part of one that ``query`` names."""
        proven = {**headers, "x-amz-checksum-sha256": body.checksum}
        with self._asked("PUT", key, query=query, headers=proven, body=body) as answer:
            return _etag_of(answer.headers)

    @contextmanager
    def _asked(
        self,
        method: Method,
        key: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
    ) -> Iterator[BaseHTTPResponse]:
        """The answer with its body still to come; closed afterwards, its connection kept if it was read to the end."""
        path, text = self._place.path_of(key), render_query(query or {})
        sent = {"host": self._place.host, **(headers or {})}
        body_sha256 = body.digest.hex() if body else NOTHING_SHA256
        signed = self._signer.sign(method, path, query=text, headers=sent, body_sha256=body_sha256)
        try:
            answer = self._pool.request(
                method,
                f"{self._place.origin}{path}{'?' if text else ''}{text}",
                headers=signed | ({"content-length": str(body.size_bytes)} if body else {}),
                body=body.sent() if body else None,
                preload_content=False,
                redirect=False,
            )
            with closing(answer):  # what was read to its end has given its connection back before
                if answer.status not in SUCCESSES:
                    raise Unsettled(f"{method} was answered {answer.status}")
                yield answer
                answer.drain_conn()
                answer.release_conn()
        except ReadTimeoutError as error:
            raise Unanswered(f"{method} was not answered") from error
        except HTTPError as error:
            raise Unsettled(f"{method} broke off") from error


def parse_etag(quoted: str) -> str:
    return quoted.strip('"')


def _chunks_of(answer: BaseHTTPResponse) -> Iterator[bytes]:
    """As they come: over a slow link they are small, and whoever takes them hears of a stop in time."""
    while chunk := answer.read1(CHUNK_BYTES, decode_content=False):
        yield chunk


def _parse_info(key: str, headers: Mapping[str, str]) -> ObjectInfo:
    size_bytes = headers.get("content-length")
    if size_bytes is None:
        raise Unsettled("the answer has no size")
    sha256 = headers.get(f"x-amz-meta-{SHA256}", "")
    return ObjectInfo(key, int(size_bytes), _etag_of(headers), headers.get("content-type", ""), sha256)


def _etag_of(headers: Mapping[str, str]) -> str:
    etag = headers.get("etag")
    if etag is None:
        raise Unsettled("the answer has no etag")
    return parse_etag(etag)
