"""`Processes` from /proc: who this is, who is alive, and the end of those who hang."""

import contextlib
import hashlib
import os
import signal
import socket
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.domain.owner import Owner

PROC = Path("/proc")
DEAD = frozenset({"Z", "X"})  # a zombie runs nothing; its parent has not asked for its status yet
STATE, START = 0, 19  # fields 3 and 22 of proc(5), counted behind the name
RESIDENT = 1


def _name_node() -> str:
    """The host's name is not enough: containers may share one, and pids begin anew with every boot and container."""
    boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
    pids = (PROC / "self/ns/pid").readlink()
    digest = hashlib.sha256(f"{boot} {pids}".encode()).hexdigest()[:8]
    return f"{socket.gethostname()}-{digest}"


@dataclass(frozen=True, slots=True)
class LinuxProcesses:
    """Implements `ports.processes.Processes`."""

    node: str = field(default_factory=_name_node)

    def this(self) -> Owner:
        pid = os.getpid()
        return Owner(self.node, pid, int(_stat(pid)[START]))

    def memory_bytes(self) -> int:
        pages = int((PROC / "self/statm").read_text().split()[RESIDENT])
        return pages * os.sysconf("SC_PAGESIZE")

    def is_alive(self, owner: Owner) -> bool:
        try:
            fields = _stat(owner.pid)
        except (FileNotFoundError, ProcessLookupError):
            return False
        return int(fields[START]) == owner.start and fields[STATE] not in DEAD

    def kill(self, owner: Owner) -> None:
        if self.is_alive(owner):
            with contextlib.suppress(ProcessLookupError):
                os.kill(owner.pid, signal.SIGKILL)


def _stat(pid: int) -> list[str]:
    """The fields behind the name, which stands in brackets and may hold anything, brackets too."""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
