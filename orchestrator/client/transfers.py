"""Files to and from storage over presigned URLs, streamed. No API key ever goes there."""

import hashlib
import mimetypes
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import httpx

from orchestrator.client.errors import ApiError
from orchestrator.client.results import Output

CHUNK_BYTES = 256 * 1024

OnProgress = Callable[[int, int], None]


def content_type_of(path: Path) -> str:
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def put_file(
    http: httpx.Client, path: Path, *, url: str, headers: Mapping[str, str], on_progress: OnProgress | None
) -> None:
    """PUT the file; ``on_progress`` hears (sent, total) in bytes.

    Raises:
        ApiError: storage refused it (code ``upload_failed``) or could not be reached.
    """
    size_bytes = path.stat().st_size
    with path.open("rb") as source:
        body = _chunks(source, size_bytes, on_progress=on_progress)
        try:
            # Storage needs the length ahead; with it, httpx does not send the body chunked.
            response = http.put(url, content=body, headers={**headers, "Content-Length": str(size_bytes)})
        except httpx.TransportError as error:
            raise ApiError("storage cannot be reached", status=0, code="unreachable") from error
    if not response.is_success:
        message = f"storage answered the upload of {path.name} with {response.status_code}"
        raise ApiError(message, status=response.status_code, code="upload_failed")


def get_file(http: httpx.Client, output: Output, *, destination: Path) -> Path:
    """Stream the output to ``destination`` (into it, when it is a folder) and return where it is.

    The file appears there only when it is whole and its sha256 is right.

    Raises:
        ApiError: storage refused it, could not be reached, or what came differs (code ``download_failed``).
    """
    target = destination / PurePosixPath(output.name).name if destination.is_dir() else destination
    partial = target.with_name(f"{target.name}.part")
    try:
        sha256 = _stream_to(partial, http, url=output.url)
        if sha256 != output.sha256:
            raise ApiError(f"{output.name} came damaged", status=0, code="download_failed")
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
                raise ApiError(message, status=response.status_code, code="download_failed")
            for chunk in response.iter_bytes(CHUNK_BYTES):
                digest.update(chunk)
                sink.write(chunk)
    except httpx.TransportError as error:
        raise ApiError("storage cannot be reached", status=0, code="unreachable") from error
    return digest.hexdigest()


def _chunks(source: BinaryIO, size_bytes: int, *, on_progress: OnProgress | None) -> Iterator[bytes]:
    sent = 0
    while chunk := source.read(CHUNK_BYTES):
        yield chunk
        sent += len(chunk)
        if on_progress is not None:
            on_progress(sent, size_bytes)
