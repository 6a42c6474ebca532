"""An object down into a new file: in one piece, or in spans of which a few are under way at once."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from orchestrator.adapters.s3_storage.access import Access
from orchestrator.adapters.s3_storage.body import READ_BYTES, stretch_of
from orchestrator.adapters.s3_storage.in_order import Halt, in_order
from orchestrator.adapters.s3_storage.quick import Span
from orchestrator.adapters.s3_storage.status import SERVICE
from orchestrator.domain.errors import Category, MediaTooLarge, Unavailable
from orchestrator.ports.storage import KeepGoing, ObjectInfo

SPAN_BYTES = 16 * 1024**2
AT_ONCE = 4
TRIES = 3


class Large(Exception):
    """It is worth several connections; nothing of it was read."""

    def __init__(self, info: ObjectInfo) -> None:
        super().__init__()
        self.info = info


def fetch(
    access: Access, key: str, *, destination: Path, etag: str, limit_bytes: int, keep_going: KeepGoing
) -> ObjectInfo:
    """Nothing is left at ``destination`` when it breaks off."""

    def read(info: ObjectInfo, chunks: Iterator[bytes]) -> ObjectInfo:
        if info.size_bytes > limit_bytes:
            raise MediaTooLarge
        if info.size_bytes > SPAN_BYTES:
            raise Large(info)
        digest = hashlib.sha256()
        with new_file(destination) as file:
            for chunk in chunks:
                keep_going()
                digest.update(chunk)
                file.write(chunk)
            return _compared(info, digest.hexdigest())

    try:
        return access.get(key, etag=etag, read=read)
    except Large as large:
        return _fetch_spans(access, large.info, destination=destination, halt=Halt(keep_going))


def _fetch_spans(access: Access, info: ObjectInfo, *, destination: Path, halt: Halt) -> ObjectInfo:
    digest = hashlib.sha256()
    with new_file(destination) as file:
        file.truncate(info.size_bytes)

        def bring(span: Span) -> Span:
            return _insisted(access, info, span=span, file=file, halt=halt)

        with closing(in_order(bring, _spans(info.size_bytes), at_once=AT_ONCE, halt=halt)) as brought:
            for span in brought:
                came = stretch_of(destination, start=span.start, size_bytes=span.size_bytes, keep_going=halt)
                for chunk in came.chunks(READ_BYTES):
                    digest.update(chunk)
        return _compared(info, digest.hexdigest())


def _spans(size_bytes: int) -> Iterator[Span]:
    return (Span(start, min(SPAN_BYTES, size_bytes - start)) for start in range(0, size_bytes, SPAN_BYTES))


def _insisted(access: Access, info: ObjectInfo, *, span: Span, file: BinaryIO, halt: Halt) -> Span:
    """boto3 asks again until an answer begins; one that breaks off is asked for anew here, and only its span."""

    def read(part: ObjectInfo, chunks: Iterator[bytes]) -> Span:
        if part.size_bytes != span.size_bytes:
            raise _spoilt("the object store sent another stretch of the object than was asked for")
        at = span.start
        for chunk in chunks:
            halt()
            at += os.pwrite(file.fileno(), chunk, at)
        return span

    for _ in range(TRIES - 1):
        with suppress(Unavailable):
            return access.get(info.key, etag=info.etag, span=span, read=read)
        halt()
    return access.get(info.key, etag=info.etag, span=span, read=read)


def _compared(info: ObjectInfo, sha256: str) -> ObjectInfo:
    if info.sha256 not in {"", sha256}:
        raise _spoilt("an object came from the object store with other bytes than were stored")
    return replace(info, sha256=sha256)


def _spoilt(message: str) -> Unavailable:
    return Unavailable(message, service=SERVICE, category=Category.STORAGE)


@contextmanager
def new_file(destination: Path) -> Iterator[BinaryIO]:
    """Unlinked again if the block fails."""
    with destination.open("xb", buffering=0) as file:
        try:
            yield file
        except BaseException:
            destination.unlink()
            raise
