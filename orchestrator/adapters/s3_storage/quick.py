"""The calls of every task, as one signed request each over kept connections: a fifth of boto3's CPU (performance.md).

Nothing here retries or explains: what is not a plain success raises `Unsettled`, and boto3 is asked, which does both.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from botocore.httpsession import get_cert_path
from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.exceptions import HTTPError

from orchestrator.adapters.s3_storage.address import Place, S3Address
from orchestrator.adapters.s3_storage.signer import Method, Signer
from orchestrator.domain.errors import MediaTooLarge
from orchestrator.ports.storage import ObjectInfo

CHUNK_BYTES = 1024**2
OK = 200
NOTHING = b""


class Unsettled(Exception):
    """The one attempt did not succeed; why is not known."""


class QuickS3:
    """One bucket, path style. Safe to share between threads; made after the fork."""

    def __init__(self, address: S3Address) -> None:
        self._place = Place.of_bucket(address.endpoint, address.bucket)
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
        path = self._place.path_of(key)
        sent = {"host": self._place.host, **(headers or {})}
        signed = self._signer.sign(method, path, headers=sent, body=body)
        try:
            answer = self._pool.request(
                method,
                self._place.origin + path,
                headers=signed,
                body=body or None,
                preload_content=False,
                redirect=False,
            )
            with closing(answer):  # what was read to its end has given its connection back before
                if answer.status != OK:
                    raise Unsettled(f"{method} was answered {answer.status}")
                yield answer
                answer.drain_conn()
                answer.release_conn()
        except HTTPError as error:
            raise Unsettled(f"{method} broke off") from error


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
