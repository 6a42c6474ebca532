"""A program of a peer as a child process: started, waited for, stopped."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from figures import BenchmarkVoid
from plain_http import PlainClient

START_S, STOP_S = 60, 20


@contextmanager
def running_peer(
    command: Sequence[str], *, answers: Callable[[], bool], environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """The program, from when ``answers`` says that it can be used; what it prints goes to standard error."""
    process = subprocess.Popen(command, stdout=sys.stderr, env=environment)
    try:
        give_up_at = time.monotonic() + START_S
        while not answers():
            if process.poll() is not None or time.monotonic() > give_up_at:
                raise BenchmarkVoid(f"{command[0]} does not answer")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(STOP_S)


def listens(url: str) -> bool:
    """Whether anything answers at ``url``."""
    try:
        with PlainClient(url) as client:
            client.get("/ready")
    except OSError:
        return False
    return True
