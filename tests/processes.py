"""Looking at processes and waiting for things to happen."""

import threading
import time
from collections.abc import Callable
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
