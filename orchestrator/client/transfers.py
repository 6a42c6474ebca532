"""Files to and from storage over presigned URLs, streamed. No API key ever goes there."""

import hashlib
import mimetypes
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import httpx

from orchestrator.client.errors import DownloadFailed, Unreachable, UploadFailed
from orchestrator.client.results import Output

CHUNK_BYTES = 256 * 1024

OnProgress = Callable[[int, int], None]


def content_type_of(path: Path) -> str:
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Slice:
    """A piece of a file."""

    path: Path
    begin: int
    size_bytes: int


def put_slice(
    http: httpx.Client, piece: Slice, *, url: str, headers: Mapping[str, str], on_sent: Callable[[int], None]
) -> None:
    """PUT the piece; ``on_sent`` hears how many of its bytes have left.

    Raises:
        UploadFailed, Unreachable: storage refused it, or gave no answer.
    """
    with piece.path.open("rb") as source:
        source.seek(piece.begin)
        body = _chunks(source, piece.size_bytes, on_sent=on_sent)
        try:
            # Storage needs the length ahead; with it, httpx does not send the body chunked.
            response = http.put(url, content=body, headers={**headers, "Content-Length": str(piece.size_bytes)})
        except httpx.TransportError as error:
            raise Unreachable("storage cannot be reached") from error
    if not response.is_success:
        message = f"storage answered the upload of {piece.path.name} with {response.status_code}"
        raise UploadFailed(message, status=response.status_code)


def get_file(http: httpx.Client, output: Output, *, destination: Path) -> Path:
    """Stream the output to ``destination`` (into it, when it is a folder) and return where it is.

    The file appears there only when it is whole and its sha256 is right.

    Raises:
        DownloadFailed, Unreachable: storage refused it or what came differs, or there was no answer.
    """
    target = destination / PurePosixPath(output.name).name if destination.is_dir() else destination
    partial = target.with_name(f"{target.name}.part")
    try:
        sha256 = _stream_to(partial, http, url=output.url)
        if sha256 != output.sha256:
            raise DownloadFailed(f"{output.name} came damaged")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target


def _stream_to(path: Path, http: httpx.Client, *, url: str) -> str:
    digest = hashlib.sha256()
    try:
        with http.stream("GET", url) as response, path.open("wb") as sink:
            if not response.is_success:
                message = f"storage answered the download with {response.status_code}"
                raise DownloadFailed(message, status=response.status_code)
            for chunk in response.iter_bytes(CHUNK_BYTES):
                digest.update(chunk)
                sink.write(chunk)
    except httpx.TransportError as error:
        raise Unreachable("storage cannot be reached") from error
    return digest.hexdigest()


def _chunks(source: BinaryIO, size_bytes: int, *, on_sent: Callable[[int], None]) -> Iterator[bytes]:
    sent = 0
    while chunk := source.read(min(CHUNK_BYTES, size_bytes - sent)):
        yield chunk
        sent += len(chunk)
        on_sent(sent)
