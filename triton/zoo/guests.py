"""Models that are not ours, to try docs/models.md with: `guests.py --dest DIR [--cache DIR]`. No stock models."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from media import DEFAULT_CACHE, copy_missing
from wheels import WheelError, WheelFile

GUESTS = {
    "basic_pitch.onnx": WheelFile(  # Apache-2.0, Spotify: which notes are played in a recording
        requirement="basic-pitch==0.4.0",
        path="basic_pitch/saved_models/icassp_2022/nmp.onnx",
        sha256="2c3c1d144bfa61ad236e92e169c13535c880469a12a047d4e73451f2c059a0ec",
    ),
}


def main(argv: list[str] | None = None) -> int:
    """Copy what is missing into the folder, say so a line a file, and return 1 if one could not be had."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dest", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="where downloaded wheels are kept")
    options = parser.parse_args(argv)
    try:
        for name, file in GUESTS.items():
            print(f"{name}: {copy_missing(file, options.dest / name, cache=options.cache)}", flush=True)
    except WheelError as error:
        sys.stderr.write(f"guests.py: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
