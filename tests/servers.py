"""The real servers as tests need them: on free loopback ports, killed and started again on the same data at will."""

import os
import re
import secrets
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import redis

from orchestrator.adapters.s3_storage import S3Address
from orchestrator.local.loopback import pick_ports, probe_http
from orchestrator.local.part import NotReady, Probe
from orchestrator.local.seaweedfs import PORT_FLAGS, SeaweedFsProbe, seaweedfs_command, write_identities
from orchestrator.local.triton import TritonPorts, TritonProject, triton_command
from orchestrator.local.valkey import connect_valkey, valkey_command
from orchestrator.ports.inference import Tensors

ROOT = Path(__file__).resolve().parents[1]
TEST_MODELS = ROOT / "tests" / "fixtures" / "models"
CONTROL_KEY = "key-of-the-tests"


class ServerFailed(Exception):
    """A server did not come up; the message holds the end of its log."""


@dataclass(kw_only=True)
class Server:
    """A server as a child process."""

    command: Sequence[str]
    log: Path
    probe: Probe
    ready_within_s: float = 240.0  # on a machine that starts many at once
    stop_grace_s: float = 10.0
    env: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] = field(init=False)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Start, also again on the same data and ports, and return when the server truly answers."""
        with self.log.open("ab") as log:
            env = {**os.environ, **self.env}
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=env)
        give_up_at = time.monotonic() + self.ready_within_s
        while time.monotonic() < give_up_at:
            try:
                self.probe(self.process.pid)
            except NotReady:
                # The pause between two probes ends early when there is nothing left to wait for.
                if self._ended_within(0.05):
                    break
            else:
                return self
        self.kill()
        raise ServerFailed(f"{self.command[0]} is not ready:\n{self.log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """SIGTERM, a grace, SIGKILL."""
        self.process.terminate()
        if not self._ended_within(self.stop_grace_s):
            self.kill()

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    def _ended_within(self, seconds: float) -> bool:
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True


@dataclass(kw_only=True)
class Valkey(Server):
    """The store of records."""

    port: int
    url: str


@contextmanager
def valkey(
    folder: Path,
    *,
    port: int | None = None,
    appendfsync: str = "always",
    extra: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> Iterator[Valkey]:
    """A Valkey with its data in ``folder``; ``extra`` are more words of its command line."""
    port = port or pick_ports(1)[0]
    url = f"redis://127.0.0.1:{port}/0"

    def ping(_pid: int) -> None:
        try:
            with connect_valkey(url) as client:
                client.ping()
        except redis.RedisError as error:
            raise NotReady(str(error)) from error

    command = (*valkey_command(port=port, folder=folder), "--appendfsync", appendfsync, *extra)
    log = folder / "valkey.log"
    with Valkey(command=command, log=log, probe=ping, port=port, url=url, env=env or {}) as server:
        yield server


@dataclass(kw_only=True)
class SeaweedFs(Server):
    """The object store, with an empty bucket."""

    endpoint: str
    bucket: str
    access_key_id: str
    secret_access_key: str

    @property
    def address(self) -> S3Address:
        return S3Address(self.endpoint, self.bucket, self.access_key_id, self.secret_access_key)


@contextmanager
def seaweedfs(folder: Path) -> Iterator[SeaweedFs]:
    """A SeaweedFS with its data in ``folder``."""
    ports = pick_ports(len(PORT_FLAGS))
    endpoint, key, secret = f"http://127.0.0.1:{ports[0]}", secrets.token_hex(8), secrets.token_hex(16)
    identities, data = folder / "identities.json", folder / "data"
    data.mkdir()
    write_identities(identities, access_key_id=key, secret_access_key=secret)
    server = SeaweedFs(
        command=seaweedfs_command(folder=data, identities=identities, ports=ports),
        log=folder / "seaweedfs.log",
        probe=SeaweedFsProbe(endpoint, "media", key, secret),
        stop_grace_s=2.0,  # SIGTERM alone takes it 15 to 24 s, and SIGKILL loses nothing (stack facts H)
        endpoint=endpoint,
        bucket="media",
        access_key_id=key,
        secret_access_key=secret,
    )
    with server:
        yield server


@dataclass(kw_only=True)
class Triton(Server):
    """The inference server."""

    ports: TritonPorts
    repository: Path
    control_key: str = CONTROL_KEY

    @property
    def grpc(self) -> str:
        return f"127.0.0.1:{self.ports.grpc}"

    @property
    def metrics_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.metrics}/metrics"

    @property
    def warden_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.warden}"


@contextmanager
def triton(folder: Path, *, models: Sequence[str] = ("echo",), root: Path = ROOT) -> Iterator[Triton]:
    """A Triton that has loaded ``models``. Its repository holds ``root``'s, ours, and `tests/fixtures/models`.

    Raises:
        StackError: the environment or the models are not made yet; the message says how.
    """
    project, repository = TritonProject(root), folder / "models"
    project.built_models()
    shutil.copytree(TEST_MODELS, repository)
    for model in (*project.models.glob("*/"), *TritonProject(ROOT).models.glob("*/")):
        if not (repository / model.name).exists():
            lay_out(model, repository / model.name)
    key_file = folder / "control-key"
    key_file.write_text(CONTROL_KEY)
    ports = TritonPorts(*pick_ports(4))
    command = triton_command(project, workdir=folder / "work", ports=ports, control_key_file=key_file, models=models)
    server = Triton(
        command=(*command, "--model-repository", str(repository)),  # the last one counts
        log=folder / "triton.log",
        probe=lambda _pid: probe_http(f"http://127.0.0.1:{ports.http}/v2/health/ready"),
        ports=ports,
        repository=repository,
    )
    with server:
        yield server


def lay_out(model: Path, folder: Path) -> None:
    """A model by links, but of one instance: on this machine each takes seconds of CPU to load, and none is faster."""
    folder.mkdir()
    for item in model.iterdir():
        if item.name == "config.pbtxt":
            (folder / item.name).write_text(re.sub(r"count: \d+", "count: 1", item.read_text()))
        else:
            (folder / item.name).symlink_to(item)


def rehearsal(*, delay_ms: int = 0, failure: str = "", mark: Path | None = None) -> Tensors:
    """Inputs of the test model `rehearsal`: wait, or fail with a text; ``mark`` is a file that appears at the start."""
    texts = {"failure": failure, "mark": str(mark or "")}
    return {
        "delay_ms": np.array([[delay_ms]], dtype=np.int32),
        **{name: np.array([[text.encode()]], dtype=np.object_) for name, text in texts.items()},
    }


def wait_for_file(path: Path, *, within_s: float = 10.0) -> None:
    """Return when ``path`` is there."""
    deadline, pause = time.monotonic() + within_s, threading.Event()
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        pause.wait(0.01)
