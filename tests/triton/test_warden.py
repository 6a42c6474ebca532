"""The warden keeps its server: they end together, nothing is left of either, and the control key opens its door."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from kept_server import Kept, ask, is_gone, restart, start_kept
from live_triton import CONTROL_KEY, LiveTriton, start_triton, wait_until
from warden import server
from warden.memory import machine_bytes
from warden.processes import descendants, model_of


@pytest.fixture
def keep(tmp_path: Path) -> Iterator[Callable[..., Kept]]:
    begun: list[subprocess.Popen[bytes]] = []

    def start(*words: str, grace_s: float = 5) -> Kept:
        kept = start_kept(tmp_path, *words, grace_s=grace_s)
        begun.append(kept.process)
        return kept

    yield start
    for process in begun:
        with process:
            process.kill()


def test_the_server_ends_when_its_warden_is_killed(keep: Callable[..., Kept]) -> None:
    kept = keep()
    pid, _ = kept.await_start(1)
    kept.process.kill()
    wait_until(lambda: is_gone(pid), "the server is gone")


def test_the_warden_ends_as_its_server_does_and_leaves_no_stub(keep: Callable[..., Kept]) -> None:
    kept = keep()
    pid, stub = kept.await_start(1)
    os.kill(pid, signal.SIGKILL)
    assert kept.process.wait(30) == 128 + signal.SIGKILL
    assert is_gone(stub)


def test_a_stop_is_passed_on_and_leaves_no_stub(keep: Callable[..., Kept]) -> None:
    kept = keep()
    pid, stub = kept.await_start(1)
    kept.process.terminate()
    assert kept.process.wait(30) == 128 + signal.SIGTERM
    assert is_gone(pid)
    assert is_gone(stub)


def test_a_server_that_does_not_hear_is_killed_after_its_grace(keep: Callable[..., Kept]) -> None:
    kept = keep("deaf", grace_s=0.2)
    kept.await_start(1)
    kept.process.terminate()
    assert kept.process.wait(30) == 128 + signal.SIGKILL


def test_a_restart_leaves_nothing_of_the_old_server_and_starts_the_same_command(keep: Callable[..., Kept]) -> None:
    kept = keep("deaf", grace_s=0.2)
    old, stub = kept.await_start(1)
    kept.await_door()
    left = server.SHARED_MEMORY / f"{server.region_prefix().replace(str(os.getpid()), str(kept.process.pid))}region"
    left.touch()
    assert restart(kept.port, "it leaks") == 202
    new, _ = kept.await_start(2)
    assert (is_gone(old), is_gone(stub), is_gone(new)) == (True, True, False)
    assert not left.exists()
    wait_until(lambda: ask(kept.port, "/memory")[1]["pid"] == new, "the door shows the new one")
    assert kept.process.poll() is None


def test_what_a_killed_warden_has_left_is_removed_by_the_next(keep: Callable[..., Kept]) -> None:
    with subprocess.Popen([sys.executable, "-V"]) as ended:
        ended.wait()
    left = server.SHARED_MEMORY / f"{server.region_prefix().replace(str(os.getpid()), str(ended.pid))}region"
    left.touch()
    keep().await_start(1)
    assert not left.exists()


def test_memory_is_that_of_the_server_and_all_its_children(keep: Callable[..., Kept]) -> None:
    kept = keep()
    pid, stub = kept.await_start(1)
    kept.await_door()
    status, memory = ask(kept.port, "/memory")
    assert (status, memory["pid"]) == (200, pid)
    assert {process["pid"] for process in memory["processes"]} == {pid, stub}
    assert memory["host_bytes"] == sum(process["bytes"] for process in memory["processes"]) > 1 << 20
    assert memory["total_bytes"] > memory["used_bytes"] > 0
    assert memory["pools"] == {"pinned_pool": 256 << 20, "cuda_pool": 16 << 20, "response_cache": 0}


def test_a_stub_is_known_by_the_model_whose_file_it_was_given(tmp_path: Path) -> None:
    (tmp_path / "echo@2" / "1").mkdir(parents=True)
    file = tmp_path / "echo@2" / "1" / "model.py"
    file.write_text("import time; time.sleep(60)")
    command = [str(tmp_path / "triton_python_backend_stub"), str(file)]
    with subprocess.Popen(command, executable=sys.executable) as stub:
        (mine,) = descendants(stub.pid)
        assert (model_of(mine), model_of(descendants(os.getpid())[0])) == ("echo@2", "")
        stub.kill()


@pytest.mark.parametrize("key", ["", "wrong", f"{CONTROL_KEY} "])
def test_without_the_control_key_the_door_stays_shut(keep: Callable[..., Kept], key: str) -> None:
    kept = keep()
    kept.await_door()
    status, problem = ask(kept.port, "/memory", key=key)
    assert (status, problem["code"]) == (401, "unauthorized")


def test_what_is_not_asked_well_is_refused_in_words(keep: Callable[..., Kept]) -> None:
    kept = keep()
    kept.await_door()

    def post(path: str, body: bytes) -> tuple[int, str]:
        status, problem = ask(kept.port, path, body=body, method="POST")
        assert problem["message"]
        return status, problem["code"]

    assert post("/restart", b"{}") == (422, "invalid")
    assert post("/restart", b'{"reason": "two\\nlines"}') == (422, "invalid")
    assert post("/restart", b"[]") == (400, "invalid")
    assert post("/restart", b"{") == (400, "invalid")
    assert post("/elsewhere", b"{}") == (404, "not_found")


def test_a_body_is_bounded(keep: Callable[..., Kept]) -> None:
    kept = keep()
    kept.await_door()
    url = f"http://127.0.0.1:{kept.port}/restart"
    headers: Mapping[str, str] = {"Authorization": f"Bearer {CONTROL_KEY}", "Content-Length": str(1 << 40)}
    request = urllib.request.Request(url, data=b"{}", headers=dict(headers), method="POST")
    with pytest.raises(urllib.error.HTTPError, match="413") as caught:
        urllib.request.urlopen(request, timeout=30)  # noqa: S310 - our own door
    caught.value.close()


@pytest.mark.parametrize(("limit", "expected"), [("max", 4096 * 1024), ("1048576", 1 << 20)])
def test_a_container_has_what_its_limit_says(tmp_path: Path, limit: str, expected: int) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal:  4096 kB\nMemFree: 1 kB\n")
    (tmp_path / "sys" / "fs" / "cgroup").mkdir(parents=True)
    (tmp_path / "sys" / "fs" / "cgroup" / "memory.max").write_text(f"{limit}\n")
    assert machine_bytes(tmp_path) == expected


def test_the_real_server_is_restarted_with_its_models_and_a_dead_stub_does_not_hold_it_up(
    tmp_path: Path, repository: Path
) -> None:
    triton = start_triton(tmp_path, repository)
    with triton.process:
        try:
            wait_until(triton.is_ready, "Triton is ready", deadline_s=60)
            before = ask(triton.warden_port, "/memory")[1]
            (stub,) = (process["pid"] for process in before["processes"] if process["name"].startswith("triton_python"))
            os.kill(stub, signal.SIGKILL)
            assert restart(triton.warden_port, "a stub has died") == 202
            wait_until(lambda: serves_anew(triton, before["pid"]), "echo is served again", deadline_s=60)
            assert regions_of(triton) == 1
        finally:
            triton.process.terminate()
            triton.process.wait(30)
    assert regions_of(triton) == 0


def serves_anew(triton: LiveTriton, old: int) -> bool:
    if ask(triton.warden_port, "/memory")[1]["pid"] == old or not triton.is_ready():
        return False
    with triton.connect() as client:
        return bool(client.is_model_ready("echo"))


def regions_of(triton: LiveTriton) -> int:
    """How many pieces of shared memory the warden's stubs have."""
    return len(list(server.SHARED_MEMORY.glob(f"orchestrator-*-{triton.process.pid}-*")))
