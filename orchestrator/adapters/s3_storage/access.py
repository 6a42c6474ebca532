"""One bucket, reached quickly, and by boto3 when that did not succeed: in ways that R2 accepts (stack facts D)."""

from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import boto3
import botocore.session
from botocore.config import Config

from orchestrator.adapters.s3_storage.address import S3Address
from orchestrator.adapters.s3_storage.body import Body
from orchestrator.adapters.s3_storage.key_file import KeyFileProvider
from orchestrator.adapters.s3_storage.quick import (
    ANSWER_S,
    CHUNK_BYTES,
    SHA256,
    QuickS3,
    Reader,
    Span,
    Unanswered,
    Unsettled,
    parse_etag,
)
from orchestrator.adapters.s3_storage.status import SERVICE, translated
from orchestrator.domain.errors import Category, InputChanged, OrchestratorError, Refused
from orchestrator.ports.storage import ObjectInfo

CLIENT = Config(
    signature_version="s3v4",
    s3={"addressing_style": "path"},
    # The trailing checksums that boto3 adds by itself are refused by R2. Ours are sent as headers.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    # Not adaptive: that would slow every call down after one 429 for one key.
    retries={"mode": "standard", "total_max_attempts": 4},
    connect_timeout=5,
    read_timeout=ANSWER_S,
    max_pool_connections=32,
    tcp_keepalive=True,
)
ANY = "*"  # `If-None-Match: *`: only if nothing is there

T = TypeVar("T")


def connector(address: S3Address) -> Callable[[str, Config], Any]:
    """What makes clients of an endpoint. They share a session: each session reads S3's whole description anew."""
    core = botocore.session.Session()
    given = {"aws_access_key_id": address.access_key_id, "aws_secret_access_key": address.secret_access_key}
    if address.key_file is not None:
        core.get_component("credential_provider").insert_before("env", KeyFileProvider(address.key_file))
        given = {}
    session = boto3.session.Session(botocore_session=core)

    def connect(endpoint: str, config: Config) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
        return session.client("s3", endpoint_url=endpoint, region_name=address.region, config=config, **given)

    return connect


@dataclass(frozen=True, slots=True)
class Access:
    """``cache_control`` is said of everything that is stored: what lies at a key never changes (ADR 0012).

    ``client`` tries several times, ``client_once`` does not.
    """

    bucket: str
    quick: QuickS3
    client: Any
    client_once: Any
    cache_control: str

    def head(self, key: str) -> ObjectInfo:
        def ask(client: Any) -> ObjectInfo:  # noqa: ANN401 - boto3 makes its classes at run time
            return _parse_info(key, client.head_object(Bucket=self.bucket, Key=key))

        return self.settled(lambda: self.quick.head(key), ask)

    def get(self, key: str, *, etag: str, span: Span | None = None, read: Reader[T]) -> T:
        """As `QuickS3.get`; ``read`` begins anew when the bytes break off."""
        place = {"Bucket": self.bucket, "Key": key, "IfMatch": f'"{etag}"'} | ({"Range": span.header} if span else {})

        def ask(client: Any) -> T:  # noqa: ANN401 - as above
            answer = client.get_object(**place)
            with closing(answer["Body"]) as body:
                return read(_parse_info(key, answer), body.iter_chunks(CHUNK_BYTES))

        return self.settled(lambda: self.quick.get(key, etag=etag, span=span, read=read), ask)

    def create(self, key: str, body: Body, *, content_type: str) -> ObjectInfo:
        """Put an object where none is, or where this one is already."""
        made = partial(ObjectInfo, key, body.size_bytes, content_type=content_type, sha256=body.digest.hex())

        def ask(client: Any) -> str:  # noqa: ANN401 - as above
            answer = client.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=body.opened(),
                IfNoneMatch=ANY,
                ChecksumSHA256=body.checksum,
                Metadata={SHA256: body.digest.hex()},
                **self.described(content_type),
            )
            return parse_etag(answer["ETag"])

        try:
            quickly = partial(self.quick.put, key, body, headers=self._headers(body, content_type))
            return made(etag=self.settled(quickly, ask))
        except OrchestratorError as error:
            body.keep_going()
            return self.recognize(key, error=error, is_same=lambda found: found.sha256 == body.digest.hex())

    def settled(self, quickly: Callable[[], T], ask: Callable[[Any], T]) -> T:
        """What did not succeed quickly is asked of boto3. Who was not answered asks only once more, lest the connection
        was dead: all tries would take minutes, in which the breaker hears of nothing.
        """
        try:
            return quickly()
        except Unanswered:
            client = self.client_once
        except Unsettled:
            client = self.client
        with translated():
            return ask(client)

    def recognize(self, key: str, *, error: OrchestratorError, is_same: Callable[[ObjectInfo], bool]) -> ObjectInfo:
        """What lies at ``key``, if that is what was to be created there.

        An answer may be lost after the deed; the next try hears that the key is taken, or that the upload is unknown.

        Raises:
            Refused: it is another object.
            OrchestratorError: nothing lies there; ``error``, why not.
        """
        found: ObjectInfo | None = None
        with suppress(Unsettled):
            found = self.head(key) if isinstance(error, InputChanged) else self.quick.head(key)
        if found is None:
            raise error
        if is_same(found):
            return found
        message = "another object lies at this key"
        raise Refused(message, service=SERVICE, category=Category.INTERNAL, code="object_exists") from error

    def described(self, content_type: str) -> Mapping[str, str]:
        """What boto3 says of a new object."""
        return {"ContentType": content_type} | ({"CacheControl": self.cache_control} if self.cache_control else {})

    def _headers(self, body: Body, content_type: str) -> Mapping[str, str]:
        headers = {"content-type": content_type, "if-none-match": ANY, f"x-amz-meta-{SHA256}": body.digest.hex()}
        return headers | ({"cache-control": self.cache_control} if self.cache_control else {})


def _parse_info(key: str, answer: Mapping[str, Any]) -> ObjectInfo:
    sha256 = answer["Metadata"].get(SHA256, "")
    return ObjectInfo(key, answer["ContentLength"], parse_etag(answer["ETag"]), answer.get("ContentType", ""), sha256)
