"""Looking at processes and waiting for things to happen."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def is_alive(pid: int | None) -> bool:
    """Whether the process runs; one that is dead but not reaped by init does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def is_frozen(pid: int | None) -> bool:
    """Whether the process stands still by SIGSTOP."""
    return "\nState:\tT" in Path(f"/proc/{pid}/status").read_text()


def wait_for(condition: Callable[[], bool], *, within_s: float = 30.0) -> None:
    """Return as soon as ``condition`` holds; fail if it does not in time."""
    give_up_at = time.monotonic() + within_s
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < give_up_at, f"not within {within_s} s"
        pause.wait(0.05)


def let_pass(seconds: float) -> None:
    """Return when so much time has passed: for a fault that lasts, where there is nothing to wait for."""
    until = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() >= until, within_s=seconds + 10)


def cpu_s(pid: int) -> float:
    """The CPU time that the process, its children and those of them that have ended have used."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = sum(map(int, stat[11:15]))  # utime, stime, cutime, cstime (proc_pid_stat(5))
    return ticks / os.sysconf("SC_CLK_TCK") + sum(cpu_s(child) for child in children_of(pid))


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def connections_to(port: int, pid: int) -> set[str]:
    """The sockets that the process holds to a loopback port, by their inodes (proc_pid_net(5))."""
    tables = "".join(Path(f"/proc/{pid}/net/{name}").read_text() for name in ("tcp", "tcp6"))
    rows = [line.split() for line in tables.splitlines()]
    there = {row[9] for row in rows if row[2].endswith(f":{port:04X}") and row[3] == "01"}  # established
    held = (fd.readlink().name for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink())
    return there & {name.removeprefix("socket:[").removesuffix("]") for name in held if name.startswith("socket:[")}


def decoders() -> list[int]:
    """Processes of this one that decode media."""
    threads = Path("/proc/self/task").iterdir()
    children = (int(pid) for thread in threads for pid in (thread / "children").read_text().split())
    return [pid for pid in children if b"av_codec.decoder" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stop the process and its children until the block is left."""
    pids = (pid, *children_of(pid))
    for each in pids:
        os.kill(each, signal.SIGSTOP)
    try:
        yield
    finally:
        for each in pids:
            os.kill(each, signal.SIGCONT)
