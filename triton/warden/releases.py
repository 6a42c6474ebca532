"""Pushed releases: folders of a repository of our own, each there whole or not at all (ADR 0046)."""

from __future__ import annotations

import errno
import hashlib
import json
import re
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from warden.door import Refusal
from warden.server import make_repository

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}@[1-9][0-9]{0,8}")
PART = re.compile(r"[A-Za-z0-9_@+=,-][A-Za-z0-9._@+=,-]{0,99}")  # of a path; none begins with a dot
MOST_FILES, MOST_PARTS = 1_000, 8
LABEL = ".release.json"  # beside the files, where no path of theirs can be
SPARE_BYTES = 256 << 20  # of the disk that nobody gets
CHUNK_BYTES = 1 << 20
SILENT_S = 30.0
FULL = {errno.ENOSPC, errno.EDQUOT}


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Storage sends nobody elsewhere."""

    def redirect_request(self, *_: Any) -> None:  # noqa: ANN401 - as the library calls it
        """None: the redirect is the answer, an error."""


@dataclass(frozen=True)
class File:
    """One file as the manifest promises it."""

    path: str
    size_bytes: int
    sha256: str
    url: str


class Releases:
    """``root`` holds the repository that Triton reads, and on the same disk what is on its way there or from there."""

    def __init__(self, root: Path) -> None:
        """What an earlier life had on its way is gone."""
        self.repository, self._passage = make_repository(root), root / "passage"
        shutil.rmtree(self._passage, ignore_errors=True)
        self._passage.mkdir()

    def put(self, name: str, body: Mapping[str, Any]) -> bool:
        """Bring the files; whether there was anything to do.

        Raises:
            Refusal: the manifest is unsafe, a file is not as promised or cannot be had, or the disk is full.
        """
        files, etag = read_files(name, body), etag_of(body.get("manifest"))
        if self.list().get(name) == etag:
            return False
        with self._folder() as folder, _disk_errors():
            _check_space(folder, sum(file.size_bytes for file in files))
            for file in files:
                _fetch(file, folder / file.path)
            (folder / LABEL).write_text(json.dumps({"etag": etag}))
            self.remove(name)
            folder.rename(self.repository / name)
        return True

    def list(self) -> dict[str, str]:
        """Every release that is there, with its manifest's etag."""
        labels = self.repository.glob(f"*/{LABEL}")
        return {label.parent.name: json.loads(label.read_text())["etag"] for label in labels}

    def folder(self, name: str) -> Path:
        """Where a release lies.

        Raises:
            Refusal: there is none of that name.
        """
        if name not in self.list():
            raise Refusal(HTTPStatus.NOT_FOUND, "not_found", "there is no such release")
        return self.repository / name

    def remove(self, name: str) -> None:
        """Out of the repository at once, then off the disk. Harmless when it is gone."""
        if name in self.list():
            with self._folder() as folder:
                (self.repository / name).rename(folder / name)

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        folder = Path(tempfile.mkdtemp(dir=self._passage))
        folder.chmod(0o755)  # Triton may be another user
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def read_files(name: str, body: Mapping[str, Any]) -> list[File]:
    """What is to be fetched.

    Raises:
        Refusal: something is missing, or would not stay inside the folder.
    """
    try:
        files = [_read_file(each, body["urls"][each["path"]]) for each in body["manifest"]["files"]]
    except (KeyError, TypeError) as error:
        raise _invalid("the manifest has no files, or one of them no path, size, SHA-256 or URL") from error
    if not NAME.fullmatch(name):
        raise _invalid("a release is called <model>@<version>")
    if not 0 < len(files) <= MOST_FILES or len({file.path for file in files}) < len(files):
        raise _invalid(f"a release has up to {MOST_FILES} files, each once")
    return files


def _read_file(found: Mapping[str, Any], url: object) -> File:
    path, size_bytes, sha256 = found["path"], found["size_bytes"], found["sha256"]
    parts = path.split("/") if isinstance(path, str) else []
    if not 0 < len(parts) <= MOST_PARTS or not all(map(PART.fullmatch, parts)):
        raise _invalid("the path of a file is unsafe")
    if not isinstance(size_bytes, int) or size_bytes < 0 or not isinstance(sha256, str):
        raise _invalid("a file has no size or no SHA-256")
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        raise _invalid("a file is fetched over HTTP")
    return File(path, size_bytes, sha256, url)


def etag_of(manifest: object) -> str:
    """As the orchestrator counts it: over compact UTF-8 with sorted names (`domain/canonical.py`)."""
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _check_space(folder: Path, size_bytes: int) -> None:
    if shutil.disk_usage(folder).free < size_bytes + SPARE_BYTES:
        raise _no_space()


def _fetch(file: File, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    opener = urllib.request.build_opener(_StayHere)
    try:
        with opener.open(file.url, timeout=SILENT_S) as source, target.open("wb") as sink:
            size_bytes, sha256 = _copy(source, sink, at_most=file.size_bytes)
    except urllib.error.HTTPError as error:
        with error:
            message = f"{file.path} cannot be fetched: storage answers {error.code}"
        raise Refusal(HTTPStatus.BAD_GATEWAY, "fetch_failed", message) from error
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        message = f"{file.path} cannot be fetched: storage does not answer"
        raise Refusal(HTTPStatus.BAD_GATEWAY, "fetch_failed", message) from error
    if (size_bytes, sha256) != (file.size_bytes, file.sha256):
        message = f"{file.path} is not what the manifest says"
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "file_mismatch", message)


def _copy(source: Any, sink: Any, *, at_most: int) -> tuple[int, str]:  # noqa: ANN401 - files, of whatever kind
    """How much came, and its hash. What is longer than promised is not read to its end."""
    size_bytes, digest = 0, hashlib.sha256()
    while size_bytes <= at_most and (chunk := source.read(CHUNK_BYTES)):
        size_bytes += len(chunk)
        digest.update(chunk)
        sink.write(chunk)
    return size_bytes, digest.hexdigest()


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise _no_space() from error
        raise


def _no_space() -> Refusal:
    return Refusal(HTTPStatus.INSUFFICIENT_STORAGE, "no_space", "the disk of the repository is full")


def _invalid(message: str) -> Refusal:
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", message)
