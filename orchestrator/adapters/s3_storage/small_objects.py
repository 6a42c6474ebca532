"""Small objects, whole, with little patience: a client is waiting for some of them."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import chain

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3 import Timeout

from orchestrator.adapters.s3_storage.access import CLIENT, connector
from orchestrator.adapters.s3_storage.address import S3Address
from orchestrator.adapters.s3_storage.body import body_of
from orchestrator.adapters.s3_storage.quick import QuickS3, Unsettled
from orchestrator.adapters.s3_storage.status import read_status, translated

CONTENT_TYPE = "application/json"
HEADERS = {"content-type": CONTENT_TYPE}
IS_THERE, BUSY = 412, 429


class SmallObjects:
    """One bucket. Tried quickly, then twice by boto3, each for ``timeout_s``. Safe to share between threads."""

    def __init__(self, address: S3Address, *, timeout_s: float) -> None:
        self._bucket = address.bucket
        self._quick = QuickS3(address, timeout=Timeout(connect=timeout_s, read=timeout_s))
        hasty = Config(retries={"total_max_attempts": 2}, connect_timeout=timeout_s, read_timeout=timeout_s)
        self._client = connector(address)(address.endpoint, CLIENT.merge(hasty))

    def create(self, content: bytes, key: str) -> None:
        """Put it where nothing is yet; what is there stays. A repeat after a lost answer finds it there, or is told
        within the first second that the key was just written.
        """
        with suppress(Unsettled):
            self._quick.put(key, body_of(content), headers=HEADERS | {"if-none-match": "*"})
            return
        with translated():
            try:
                where = {"Bucket": self._bucket, "Key": key, "ContentType": CONTENT_TYPE}
                self._client.put_object(**where, Body=content, IfNoneMatch="*")
            except ClientError as error:
                if read_status(error) != IS_THERE and not self._is_why_busy(error, key):
                    raise

    def _is_why_busy(self, error: ClientError, key: str) -> bool:
        """R2 takes one write a second of a key, and says so before it looks whether the key is new (stack facts D)."""
        if read_status(error) != BUSY:
            return False
        try:
            self._client.head_object(Bucket=self._bucket, Key=key)
        except (BotoCoreError, ClientError):
            return False
        return True

    def put(self, content: bytes, key: str) -> None:
        with suppress(Unsettled):
            self._quick.put(key, body_of(content), headers=HEADERS)
            return
        with translated():
            self._client.put_object(Bucket=self._bucket, Key=key, Body=content, ContentType=CONTENT_TYPE)

    def get(self, key: str) -> bytes:
        with suppress(Unsettled):
            return self._quick.get_whole(key)
        with translated():
            content: bytes = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return content

    def delete(self, key: str) -> None:
        with translated():
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def keys(self, prefix: str, *, most: int | None = None) -> Iterator[str]:
        """Those under ``prefix``, in order; ``most`` of them."""
        with translated():
            limit = {} if most is None else {"PaginationConfig": {"MaxItems": most}}
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix, **limit)
            yield from (row["Key"] for row in chain.from_iterable(page.get("Contents", ()) for page in pages))

    def folders(self, prefix: str) -> Iterator[str]:
        """The prefixes below ``prefix``, each with its last slash."""
        with translated():
            paginator = self._client.get_paginator("list_objects_v2")
            for page in paginator.paginate(Bucket=self._bucket, Prefix=prefix, Delimiter="/"):
                yield from (row["Prefix"] for row in page.get("CommonPrefixes", ()))
