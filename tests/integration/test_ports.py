"""Two stacks that start together never choose the same port, although neither listens on it yet."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from processes import wait_for

from orchestrator.local.loopback import pick_ports, reserve

HOLD_ONE = "from orchestrator.local.loopback import pick_ports; print(*pick_ports(1), flush=True); input()"


@contextmanager
def another_stack() -> Iterator[int]:
    """The port that another process has chosen."""
    command = (sys.executable, "-c", HOLD_ONE)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        yield int(other.stdout.readline())
        other.kill()


def test_a_port_chosen_by_another_process_is_not_ours() -> None:
    with another_stack() as port:
        assert not reserve(port)


def test_a_port_is_given_back_when_its_process_dies() -> None:
    with another_stack() as port:
        pass
    wait_for(lambda: reserve(port), within_s=5)


def test_no_port_is_picked_twice() -> None:
    picked = [*pick_ports(50), *pick_ports(50)]
    assert len(set(picked)) == 100
    assert all(map(reserve, picked)), "what is ours already stays ours"
