"""Takes from the decoder process what it does not need, before the first byte of a stranger's file is read."""

import contextlib
import ctypes
import resource
import signal

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38

LOG_BYTES = 64 * 1024
OPEN_FILES = 32


def confine(*, memory_bytes: int, cpu_s: int) -> None:
    """Bound memory, time and files, leave the network where the kernel lets us, and die with the parent."""
    libc = ctypes.CDLL(None)
    # Best effort: container runtimes often forbid new namespaces. The whitelist of protocols holds without it.
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        libc.unshare(CLONE_NEWNET)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # After unshare, which clears it. It follows the parent's thread, which outlives us: it reads our pipe.
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _limit(resource.RLIMIT_AS, memory_bytes)
    _limit(resource.RLIMIT_CPU, cpu_s)
    _limit(resource.RLIMIT_FSIZE, LOG_BYTES)  # standard error is a file: this bounds the log, too
    _limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    _limit(resource.RLIMIT_CORE, 0)


def _limit(kind: int, value: int) -> None:
    with contextlib.suppress(ValueError):  # the host's own hard limit is lower already
        resource.setrlimit(kind, (value, value))
