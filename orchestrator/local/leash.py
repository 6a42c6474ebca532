"""Becomes the given command after asking the kernel to kill it when its parent dies; the pid stays. A script.

`python leash.py PARENT_PID COMMAND…`. Linux only, like the embedded servers.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # prctl(2); survives the exec


def main(parent: int, command: list[str]) -> int:
    if ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        sys.stderr.write("leash: prctl refused to bind us to our parent\n")
        return 1
    if os.getppid() != parent:  # it died before we asked
        return 1
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is the point
    except OSError as error:
        sys.stderr.write(f"leash: {command[0]}: {error.strerror}\n")
    return 127


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
