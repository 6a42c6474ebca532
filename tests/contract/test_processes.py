"""`Processes` on the real /proc, one test per sentence of the port's docstring."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from processes import wait_for

from orchestrator.adapters.linux_processes import LinuxProcesses
from orchestrator.domain.owner import Owner

SLEEPER = (sys.executable, "-IS", "-c", "import sys; sys.stdin.read()")


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(SLEEPER, stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def owner_of(pid: int) -> Owner:
    """Who has ``pid``, as the process would say of itself."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return Owner(LinuxProcesses().node, pid, ticks)


def test_the_process_that_asks_is_alive_and_knows_its_pid() -> None:
    processes = LinuxProcesses()
    me = processes.this()
    assert (me.node, me.pid) == (processes.node, os.getpid())
    assert me == owner_of(os.getpid())
    assert processes.is_alive(me)


def test_every_process_of_a_node_gives_it_the_same_name() -> None:
    told = subprocess.run(
        (sys.executable, "-c", "from orchestrator.adapters.linux_processes import *; print(LinuxProcesses().node)"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == LinuxProcesses().node


def test_the_memory_of_the_process_that_asks_grows_with_what_it_holds() -> None:
    before = LinuxProcesses().memory_bytes()
    held = bytearray(b"x") * (64 * 1024**2)
    assert LinuxProcesses().memory_bytes() - before > len(held) / 2


def test_a_killed_process_is_dead_even_before_its_parent_has_asked(sleeper: subprocess.Popen[bytes]) -> None:
    processes, owner = LinuxProcesses(), owner_of(sleeper.pid)
    assert processes.is_alive(owner)
    processes.kill(owner)
    wait_for(lambda: not processes.is_alive(owner))
    assert Path(f"/proc/{sleeper.pid}").exists()
    processes.kill(owner)


def test_a_process_that_is_gone_is_dead(sleeper: subprocess.Popen[bytes]) -> None:
    owner = owner_of(sleeper.pid)
    sleeper.kill()
    sleeper.wait()
    assert not LinuxProcesses().is_alive(owner)


def test_a_pid_that_another_process_has_now_is_neither_alive_nor_killed(sleeper: subprocess.Popen[bytes]) -> None:
    processes = LinuxProcesses()
    predecessor = replace(owner_of(sleeper.pid), start=1)
    assert not processes.is_alive(predecessor)
    processes.kill(predecessor)
    assert processes.is_alive(owner_of(sleeper.pid))
