"""One child process in a session of its own, with everything that it starts."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator.local import leash


class Process:
    """A running command on a leash: the kernel kills it when we die, however we die.

    The kernel's rule is about the thread that starts it, so that must be one that lives as long as the program.
    """

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str], log: Path) -> None:
        leashed = (sys.executable, "-IS", leash.__file__, str(os.getpid()), *command)
        with log.open("ab") as output:
            self._popen = subprocess.Popen(  # noqa: S603 - the commands are our own
                leashed,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **env},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def has_ended(self) -> bool:
        """Whether it is dead. It stays unreaped, so that neither its pid nor its group's id can be reused."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def ask_to_stop(self) -> None:
        """SIGTERM to the process alone: it stops its own children as it sees fit."""
        os.kill(self.pid, signal.SIGTERM)  # Popen.terminate would reap it if it is dead

    def bury(self) -> str:
        """Kill what is left of its group, reap it, and say how it ended."""
        os.killpg(self.pid, signal.SIGKILL)
        status = self._popen.wait()
        if status < 0:
            return f"was killed by {signal.Signals(-status).name}"
        return f"exited with status {status}"
