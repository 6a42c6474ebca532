"""The server as our child: started, and ended with everything that it has started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from warden.processes import adopt_orphans, children, die_with_parent

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where Linux keeps it
OURS = "orchestrator-"
KILLED = 128  # what a shell adds to the number of the signal that ended a program


def region_prefix() -> str:
    """What the shared memory of this warden's stubs is called; a pid means something in its own namespace only."""
    namespace = (Path("/proc/self/ns/pid")).stat().st_ino
    return f"{OURS}{namespace}-{os.getpid()}-"


def sweep_shared_memory() -> None:
    """Remove what the stubs of wardens that are gone have left: nobody else does (server#7481)."""
    namespace, _, _ = region_prefix().removeprefix(OURS).partition("-")
    for region in SHARED_MEMORY.glob(f"{OURS}{namespace}-*"):
        pid = region.name.removeprefix(OURS).split("-")[1]
        if not Path("/proc", pid).exists():
            region.unlink(missing_ok=True)


def make_repository(releases: Path) -> Path:
    """The second repository of the server, for what is pushed; only we write to it. Triton wants it to be there."""
    repository = releases.resolve() / "models"
    repository.mkdir(parents=True, exist_ok=True)
    return repository


@dataclass
class Server:
    """`start` and `stop` belong to one thread: the kernel ends the server when that thread ends, however it does.

    ``grace_s`` is for the server to end by itself, which with a hung stub it does not.
    """

    command: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    grace_s: float
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def pid(self) -> int | None:
        """Of the one that was started last, or None."""
        return self._process.pid if self._process else None

    def start(self) -> subprocess.Popen[bytes]:
        adopt_orphans()
        sweep_shared_memory()
        self._process = subprocess.Popen(  # noqa: S603 - the command of whoever started us
            self.command,
            env=dict(self.env),
            cwd=self.cwd,
            stdin=subprocess.DEVNULL,
            # Only one call, found before: nothing that a thread could hold a lock of.
            preexec_fn=partial(die_with_parent, signal.SIGKILL),  # noqa: PLW1509 - see above
        )
        return self._process

    def stop(self) -> int:
        """SIGTERM, the grace, SIGKILL; then whatever it has left behind. Returns its exit status."""
        process = self._process
        if process is None:
            return 0
        process.terminate()
        try:
            process.wait(self.grace_s)
        except subprocess.TimeoutExpired:
            sys.stderr.write(f"warden: the server did not end within {self.grace_s:g} s\n")
            process.kill()
        return self.bury()

    def bury(self) -> int:
        """The exit status of the server, once everything that it has started has ended."""
        if self._process is None:
            return 0
        status = self._process.wait()
        # Orphans are ours now, and in our group like the server; what we ourselves have started beside it is not.
        while orphans := [child for child in children(os.getpid()) if child.group == os.getpgrp()]:
            for orphan in orphans:
                os.kill(orphan.pid, signal.SIGKILL)
                os.waitpid(orphan.pid, 0)
        for region in SHARED_MEMORY.glob(f"{region_prefix()}*"):
            region.unlink(missing_ok=True)
        return status if status >= 0 else KILLED - status
