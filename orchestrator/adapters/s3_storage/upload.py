"""A large file up: in equal parts, a few at once, each read from the file while it is sent."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from orchestrator.adapters.s3_storage.access import ANY, Access
from orchestrator.adapters.s3_storage.body import READ_BYTES, Body, stretch_of
from orchestrator.adapters.s3_storage.in_order import Halt, in_order
from orchestrator.adapters.s3_storage.quick import parse_etag
from orchestrator.adapters.s3_storage.status import translated
from orchestrator.domain.errors import OrchestratorError
from orchestrator.ports.storage import KeepGoing, ObjectInfo

log = structlog.get_logger()

MIB = 1024**2
PART_BYTES = 16 * MIB
PARTS_AT_MOST = 10_000
AT_ONCE = 4


def part_bytes_of(size_bytes: int) -> int:
    """The size of all parts but the last: R2 refuses others (10048), and more than ten thousand."""
    needed = -(-size_bytes // PARTS_AT_MOST)
    return max(PART_BYTES, -(-needed // MIB) * MIB)


@dataclass(frozen=True, slots=True)
class Upload:
    """One object in parts, begun and not complete."""

    access: Access
    key: str
    upload_id: str
    halt: Halt

    def send_all(self, source: Path, size_bytes: int) -> tuple[list[Mapping[str, Any]], str]:
        """The parts as `complete` wants them, and the SHA-256 of the whole file.

        It is hashed here, just ahead of the threads that send it, so that the disk is read once.
        """
        whole, part_bytes = hashlib.sha256(), part_bytes_of(size_bytes)

        def bodies() -> Iterator[tuple[int, Body]]:
            for number, start in enumerate(range(0, size_bytes, part_bytes), start=1):
                size = min(part_bytes, size_bytes - start)
                body = stretch_of(source, start=start, size_bytes=size, keep_going=self.halt)
                for chunk in body.chunks(READ_BYTES):
                    whole.update(chunk)
                self.halt()
                yield number, body

        with closing(in_order(self._send, bodies(), at_once=AT_ONCE, halt=self.halt)) as sent:
            return list(sent), whole.hexdigest()

    def _send(self, numbered: tuple[int, Body]) -> Mapping[str, Any]:
        number, body = numbered
        return {"PartNumber": number, "ETag": f'"{self._put(number, body)}"', "ChecksumSHA256": body.checksum}

    def _put(self, number: int, body: Body) -> str:
        query = {"partNumber": str(number), "uploadId": self.upload_id}

        def ask(client: Any) -> str:  # noqa: ANN401 - boto3 makes its classes at run time
            self.halt()
            part = {"PartNumber": number, "Body": body.opened(), "ChecksumSHA256": body.checksum}
            return parse_etag(client.upload_part(**self.named, **part)["ETag"])

        return self.access.settled(partial(self.access.quick.put, self.key, body, headers={}, query=query), ask)

    def complete(self, parts: list[Mapping[str, Any]]) -> str:
        """The etag of the object."""
        with translated():
            answer = self.access.client.complete_multipart_upload(
                **self.named, MultipartUpload={"Parts": parts}, IfNoneMatch=ANY
            )
        return parse_etag(answer["ETag"])

    def abort(self) -> None:
        """Nobody is there to hear that it failed: what is left is swept (`services/upkeep/sweep_parts.py`)."""
        try:
            with translated():
                self.access.client.abort_multipart_upload(**self.named)
        except OrchestratorError as error:
            log.warning("upload.left", key=self.key, error=str(error))

    @property
    def named(self) -> Mapping[str, str]:
        return {"Bucket": self.access.bucket, "Key": self.key, "UploadId": self.upload_id}


def store_in_parts(access: Access, source: Path, *, key: str, content_type: str, keep_going: KeepGoing) -> ObjectInfo:
    """Complete, or aborted."""
    size_bytes = source.stat().st_size
    with translated():
        begun = access.client.create_multipart_upload(
            Bucket=access.bucket, Key=key, ChecksumAlgorithm="SHA256", **access.described(content_type)
        )
    upload = Upload(access, key, begun["UploadId"], Halt(keep_going))
    try:
        parts, sha256 = upload.send_all(source, size_bytes)
        try:
            etag = upload.complete(parts)
        except OrchestratorError as error:
            made = size_bytes, etag_of(parts)
            etag = access.recognize(key, error=error, is_same=lambda found: (found.size_bytes, found.etag) == made).etag
        return ObjectInfo(key, size_bytes, etag, content_type, sha256)
    except BaseException:
        upload.abort()
        raise


def etag_of(parts: list[Mapping[str, Any]]) -> str:
    """What S3 and R2 call an object of these parts."""
    digests = b"".join(bytes.fromhex(parse_etag(part["ETag"])) for part in parts)
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"
