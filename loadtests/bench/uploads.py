"""A film of 1 GB into the object store, beside plain `boto3.upload_file` on the same server: seconds, and peak memory.

Ours hashes the film for its receipt, proves every part, and creates the object only where none is.
"""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from figures import BenchmarkVoid, Goal, Ratio, Run, take_turns
from stack import ROOT, SCRATCH

from orchestrator.adapters.s3_storage import S3Address, S3Storage
from orchestrator.local.loopback import pick_ports
from orchestrator.local.part import NotReady
from orchestrator.local.seaweedfs import PORT_FLAGS, SeaweedFsProbe, seaweedfs_command, write_identities

MIB = 1024**2
FILM_MIB = 1024
START_S = 90
BUCKET = "media"


@dataclass(frozen=True, slots=True)
class Store:
    """An object store, and a film to put there."""

    address: S3Address
    film: Path
    peaks: dict[str, list[float]] = field(default_factory=lambda: {"ours": [], "plain": []})

    def seconds(self, side: str) -> float:
        """One upload, which is removed again; its peak of memory is kept."""
        key = f"bench/{secrets.token_hex(8)}"
        command = [sys.executable, str(Path(__file__).with_name("uploading.py")), side, self.address.endpoint]
        done = subprocess.run(
            [*command, str(self.film), key], env=self._environment, check=True, capture_output=True, text=True
        )
        took_s, peak_mib = map(float, done.stdout.split())
        self.peaks[side].append(peak_mib)
        storage = S3Storage(self.address)
        if storage.head(key).size_bytes != self.film.stat().st_size:
            raise BenchmarkVoid(f"{side} did not store all of the film")
        storage.delete(key)
        return took_s

    @property
    def _environment(self) -> Mapping[str, str]:
        keys = {"S3_KEY_ID": self.address.access_key_id, "S3_SECRET": self.address.secret_access_key}
        return {**os.environ, **keys, "PYTHONPATH": str(ROOT)}


def measure_uploads(*, children: int, rounds: int) -> list[Ratio]:
    """Each upload in a process of its own; nobody's worker children take part."""
    del children
    with object_store() as store:
        ours, plain = take_turns([lambda: store.seconds("ours"), lambda: store.seconds("plain")], rounds=rounds)
    seconds = [Run(*both) for both in zip(ours, plain, strict=True)]
    memory = [Run(*both) for both in zip(store.peaks["ours"], store.peaks["plain"], strict=True)]
    return [
        Ratio("upload_time", "s", Goal(1.05, at_least=False), seconds),
        Ratio("upload_memory", "MiB of peak", Goal(1.0, at_least=False), memory),
    ]


@contextmanager
def object_store() -> Iterator[Store]:
    SCRATCH.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="uploads-", dir=SCRATCH) as name:
        folder, ports = Path(name), pick_ports(len(PORT_FLAGS))
        address = S3Address(f"http://127.0.0.1:{ports[0]}", BUCKET, secrets.token_hex(8), secrets.token_hex(16))
        identities, data = folder / "identities.json", folder / "data"
        data.mkdir()
        write_identities(identities, access_key_id=address.access_key_id, secret_access_key=address.secret_access_key)
        command = seaweedfs_command(folder=data, identities=identities, ports=ports)
        probe = SeaweedFsProbe(address.endpoint, BUCKET, address.access_key_id, address.secret_access_key)
        with (folder / "weed.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
            try:
                await_ready(probe)
                yield Store(address, write_film(folder / "film"))
            finally:
                server.kill()  # SIGTERM takes it 15 to 24 s (stack facts H)


def await_ready(probe: SeaweedFsProbe) -> None:
    give_up_at = time.monotonic() + START_S
    while not is_ready(probe):
        if time.monotonic() > give_up_at:
            raise BenchmarkVoid("the object store does not answer")
        time.sleep(0.1)


def is_ready(probe: SeaweedFsProbe) -> bool:
    try:
        probe(0)
    except NotReady:
        return False
    return True


def write_film(path: Path) -> Path:
    with path.open("wb") as file:
        file.writelines(os.urandom(MIB) for _ in range(FILM_MIB))
    return path
