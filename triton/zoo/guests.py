"""Models that are not ours, to try docs/models.md with: `guests.py --dest DIR [--cache DIR]`. No stock models."""

from __future__ import annotations

import sys

from media import copy_files
from wheels import WheelFile

GUESTS = {
    "basic_pitch.onnx": WheelFile(  # Apache-2.0, Spotify: which notes are played in a recording
        requirement="basic-pitch==0.4.0",
        path="basic_pitch/saved_models/icassp_2022/nmp.onnx",
        sha256="2c3c1d144bfa61ad236e92e169c13535c880469a12a047d4e73451f2c059a0ec",
    ),
}


def main(argv: list[str] | None = None) -> int:
    """Copy what is missing of theirs."""
    return copy_files(GUESTS, argv, description=__doc__)


if __name__ == "__main__":
    sys.exit(main())
