"""The usual build, as a peer of `image.upscale`: FastAPI, Celery with the ONNX file in the worker, base64, polling."""

import base64
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from figures import BenchmarkVoid
from peer_process import listens, running_peer
from plain_http import PlainClient
from stack import ROOT, SCRATCH

from orchestrator.local.loopback import pick_ports

PACKAGES = ("celery==5.7.0", "kombu[redis]==5.7.0", "redis==8.1.0", "pillow==13.0.0")
INSTALLED = SCRATCH / "usual"
TRITON_PYTHON = ROOT / ".venv-triton" / "bin" / "python"
MODEL = ROOT / "model_repository" / "realesrgan_x4" / "1" / "model.onnx"
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class UsualBuild:
    """A running one."""

    url: str

    def client(self) -> PlainClient:
        return PlainClient(self.url)

    def upscale(self, client: PlainClient, png: bytes, *, poll_s: float) -> bytes:
        """From the POST until the picture is here."""
        answer = client.post("/pictures", {"picture": base64.b64encode(png).decode()})
        while answer["status"] == "PENDING":
            time.sleep(poll_s)
            answer = client.get(f"/pictures/{answer['id']}")
        if answer["status"] != "SUCCESS":
            raise BenchmarkVoid(f"the usual build says {answer['status']}")
        return base64.b64decode(answer["picture"])


@contextmanager
def running_usual_build(redis_url: str, *, children: int) -> Iterator[UsualBuild]:
    """Its two processes; the worker in the environment that has ONNX Runtime."""
    install()
    (port,) = pick_ports(1)
    build = UsualBuild(f"http://127.0.0.1:{port}")
    api = [sys.executable, str(HERE / "usual_api.py"), "--redis", redis_url, "--port", str(port)]
    # -P: no folder of this repository may be on the path of that environment (ADR 0007).
    worker = [str(TRITON_PYTHON), "-P", str(HERE / "usual_worker.py"), str(MODEL)]
    worker += ["--redis", redis_url, "--children", str(children)]
    environment = {**os.environ, "PYTHONPATH": str(INSTALLED)}
    with (
        running_peer(api, answers=lambda: listens(build.url)),
        running_peer(worker, answers=lambda: True, environment=environment),
    ):
        yield build


def infer_bare(*, side: int, pictures: int, processes: int) -> float:
    """Pictures a second of processes that do only the inference."""
    counts = ["--side", str(side), "--pictures", str(pictures), "--processes", str(processes)]
    return float(run_in_triton_environment([str(HERE / "bare_inference.py"), str(MODEL), *counts]))


def run_in_triton_environment(arguments: Sequence[str]) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(TRITON_PYTHON), "-P", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout


def install() -> None:
    if not (INSTALLED / "celery").is_dir():
        pip = [str(TRITON_PYTHON), "-m", "pip", "install", "--quiet", *shlex.split(os.environ.get("PIP_ARGS", ""))]
        subprocess.run([*pip, "--target", str(INSTALLED), *PACKAGES], check=True, stdout=sys.stderr)
