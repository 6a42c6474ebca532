"""The embedded Triton alone, as `orchestrator up` starts it, and what it and the driver say about memory and time."""

import re
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from figures import BenchmarkVoid
from stack import SCRATCH

from orchestrator.adapters.triton.control import TritonControl
from orchestrator.local.loopback import pick_ports
from orchestrator.local.triton import TritonPorts, TritonProject, triton_command

CONTROL_KEY = "key-of-the-benchmark"
READY_WITHIN_S = 60
SETTLE_S = 1.0
SAMPLE = re.compile(r'(\w+){.*model="(?P<model>\w+)".*} (?P<value>\S+)')


@dataclass(frozen=True, slots=True)
class Server:
    """A Triton that runs, with no model loaded at first."""

    address: str
    metrics: str
    control: TritonControl

    def read_metrics(self) -> list[str]:
        return httpx.get(self.metrics).raise_for_status().text.splitlines()

    def gpu_memory_mib(self) -> float | None:
        """What Triton exports; None where it exports nothing about GPUs."""
        values = [float(line.split()[-1]) for line in self.read_metrics() if line.startswith("nv_gpu_memory_used")]
        return sum(values) / 2**20 if values else None

    def model_counters(self, model: str) -> Mapping[str, float]:
        """Triton's running totals of one model, by name."""
        totals: defaultdict[str, float] = defaultdict(
            float
        )  # with a GPU there are lines for each place an instance may have
        for match in map(SAMPLE.match, self.read_metrics()):
            if match and match["model"] == model:
                totals[match[1]] += float(match["value"])
        return totals


@contextmanager
def running_triton(project: TritonProject) -> Iterator[Server]:
    SCRATCH.mkdir(exist_ok=True)
    http, grpc, metrics, warden = pick_ports(4)
    with TemporaryDirectory(prefix="gpu-", dir=SCRATCH) as folder:
        key_file, log = Path(folder) / "key", SCRATCH / "gpu-triton.log"
        key_file.write_text(CONTROL_KEY)
        command = triton_command(
            project,
            workdir=Path(folder) / "work",
            ports=TritonPorts(http=http, grpc=grpc, metrics=metrics, warden=warden),
            control_key_file=key_file,
            models=(),
        )
        with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
            control = TritonControl(f"127.0.0.1:{grpc}", control_key=CONTROL_KEY)
            try:
                await_live(control, process, log=log)
                yield Server(f"127.0.0.1:{grpc}", f"http://127.0.0.1:{metrics}/metrics", control)
            finally:
                control.close()
                process.terminate()


def await_live(control: TritonControl, process: "subprocess.Popen[bytes]", *, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while not control.is_live():
        if process.poll() is not None or time.monotonic() > deadline:
            raise BenchmarkVoid(f"Triton did not start: {log.read_text()[-2000:]}")
        time.sleep(0.05)


def driver_memory_mib() -> float | None:
    """GPU memory in use as the driver sees it, over all GPUs; None without nvidia-smi."""
    query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    try:
        run = subprocess.run(query, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return sum(map(float, run.stdout.split()))
