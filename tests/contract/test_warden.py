"""The promises of `Warden` and `MemoryGauge`, kept by the fake and by a real warden; then what only that can show."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

import pytest
from fakes_warden import FakeWarden
from processes import wait_for
from servers import CONTROL_KEY
from warden_room import SleepersWarden, sleepers_warden

from orchestrator.adapters.triton.gpu_memory import parse_memory
from orchestrator.adapters.triton_warden import TritonWarden
from orchestrator.domain.errors import Refused, Unavailable
from orchestrator.domain.manifest import Manifest, ReleaseFile
from orchestrator.domain.model import Release
from orchestrator.local.loopback import pick_ports
from orchestrator.ports.warden import Memory, MemoryGauge, Warden

CONTENT = b"weights" * 100
NAME = "tiny@2"


class Keeper(Warden, MemoryGauge, Protocol):
    """Both in one."""


@dataclass
class Rig:
    """A warden that is there, one that is away, and a storage with one file."""

    warden: Keeper
    away: Keeper
    url: str
    restarts: Callable[[], int]

    def fetch(self, *, sha256: str = hashlib.sha256(CONTENT).hexdigest(), path: str = "1/model.onnx") -> Manifest:
        file = ReleaseFile(path, len(CONTENT), sha256)
        manifest = Manifest(Release("tiny", 2), (file,), config_sha256="", inputs=(), outputs=(), source="Füße")
        self.warden.fetch(NAME, manifest=manifest.render(), urls={path: self.url})
        return manifest


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def sleeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SleepersWarden]:
    with sleepers_warden(tmp_path_factory.mktemp("warden")) as warden:
        yield warden


@pytest.fixture
def real_rig(sleeper: SleepersWarden, tmp_path: Path) -> Iterator[Rig]:
    (tmp_path / "file").write_bytes(CONTENT)
    nowhere = f"http://127.0.0.1:{pick_ports(1)[0]}"
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as storage,
        closing(TritonWarden(sleeper.url, control_key=CONTROL_KEY)) as warden,
        closing(TritonWarden(nowhere, control_key=CONTROL_KEY)) as away,
    ):
        threading.Thread(target=storage.serve_forever, daemon=True).start()
        yield Rig(warden, away, f"http://127.0.0.1:{storage.server_port}/file", lambda: len(sleeper.pids()) - 1)
        warden.remove(NAME)
        storage.shutdown()


@pytest.fixture
def fake_rig() -> Rig:
    warden = FakeWarden(storage={"http://file": CONTENT}.__getitem__)
    return Rig(warden, FakeWarden(away=True), "http://file", lambda: len(warden.restarts))


@pytest.fixture(params=["fake", "real"])
def rig(request: pytest.FixtureRequest) -> Rig:
    made: Rig = request.getfixturevalue(f"{request.param}_rig")
    return made


def test_read_measures_what_is_used_now(rig: Rig) -> None:
    memory = rig.warden.read()
    assert 0 < memory.used_bytes < memory.total_bytes
    assert memory.host_bytes > 0
    assert set(memory.pools) == {"pinned_pool", "cuda_pool", "response_cache"}


def test_restart_starts_the_server_anew(rig: Rig) -> None:
    before = rig.restarts()
    rig.warden.restart("a test wants it")
    wait_for(lambda: rig.restarts() == before + 1)


def test_fetch_brings_the_files_and_releases_shows_them_with_the_manifests_etag(rig: Rig) -> None:
    manifest = rig.fetch()
    assert rig.warden.releases() == {NAME: manifest.etag}


def test_fetch_is_harmless_when_the_folder_is_there_with_the_same_manifest(rig: Rig) -> None:
    rig.fetch()
    rig.url = "http://127.0.0.1:1/nothing"
    rig.fetch()


@pytest.mark.parametrize("wrong", [{"sha256": "00" * 32}, {"path": "../model.onnx"}])
def test_what_is_not_as_the_manifest_says_or_unsafe_is_refused_and_leaves_nothing(
    rig: Rig, wrong: Mapping[str, Any]
) -> None:
    with pytest.raises(Refused):
        rig.fetch(**wrong)
    assert rig.warden.releases() == {}


def test_remove_deletes_and_is_harmless_when_it_is_gone(rig: Rig) -> None:
    rig.fetch()
    rig.warden.remove(NAME)
    rig.warden.remove(NAME)
    assert rig.warden.releases() == {}


def test_the_check_of_what_is_not_there_is_refused(rig: Rig) -> None:
    with pytest.raises(Refused):
        rig.warden.check("nothing@1")


def test_every_call_of_one_that_is_away_is_unavailable(rig: Rig) -> None:
    away = rig.away
    calls = (
        away.read,
        away.releases,
        partial(away.restart, "x"),
        partial(away.check, NAME),
        partial(away.remove, NAME),
    )
    for call in (*calls, partial(away.fetch, NAME, manifest={"files": []}, urls={})):
        with pytest.raises(Unavailable):
            call()


def test_a_storage_that_is_away_is_unavailable(real_rig: Rig) -> None:
    real_rig.url = "http://127.0.0.1:1/nothing"
    with pytest.raises(Unavailable):
        real_rig.fetch()


def test_another_key_is_refused(sleeper: SleepersWarden) -> None:
    with closing(TritonWarden(sleeper.url, control_key="wrong")) as stranger, pytest.raises(Refused) as caught:
        stranger.read()
    assert caught.value.code == "triton_misconfigured"


def test_what_answers_and_is_no_warden_is_unavailable(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{other.server_port}"
        with closing(TritonWarden(url, control_key=CONTROL_KEY)) as stranger, pytest.raises(Unavailable):
            stranger.read()
        other.shutdown()


def test_without_a_warden_triton_tells_the_memory_of_its_gpus() -> None:
    lines = [f'nv_gpu_memory_{name}_bytes{{gpu_uuid="{gpu}"}} {size}' for gpu in "ab" for name, size in SIZES.items()]
    assert parse_memory("\n".join([*lines, ""])) == Memory(20, 200, host_bytes=0, is_gpu=True)


def test_without_a_warden_and_a_gpu_nobody_can_tell() -> None:
    with pytest.raises(Refused):
        parse_memory("nv_cpu_memory_used_bytes 7\n")


SIZES = {"used": 10, "total": 100}
