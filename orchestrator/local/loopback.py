"""Free ports on loopback, and asking what listens there."""

import random
import socket

import httpx

from orchestrator.local.part import NotReady, StackError

# Below Linux's ephemeral range (from 32768): in there an outgoing connection could take the port of a part that is
# being restarted, and a client that keeps dialling a dead server on loopback can even connect to itself.
SERVER_PORTS = range(15_000, 30_000)


def is_free(port: int) -> bool:
    """Whether a server could listen on ``port`` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def pick_ports(count: int) -> tuple[int, ...]:
    """As many different free ports, at random so that two stacks starting together do not pick the same.

    Raises:
        StackError: there are not as many.
    """
    shuffled = random.SystemRandom().sample(SERVER_PORTS, len(SERVER_PORTS))
    found: list[int] = []
    for port in shuffled:
        if len(found) == count:
            break
        if is_free(port):
            found.append(port)
    if len(found) < count:
        raise StackError(f"there are no {count} free ports between {SERVER_PORTS.start} and {SERVER_PORTS.stop}")
    return tuple(found)


def probe_http(url: str) -> None:
    """Return once ``url`` answers 200.

    Raises:
        NotReady: it answers otherwise, or not at all.
    """
    try:
        answer = httpx.get(url, timeout=2)
    except httpx.HTTPError as error:
        raise NotReady(f"no answer: {error}") from error
    if answer.status_code != httpx.codes.OK:
        raise NotReady(f"answers {answer.status_code}")
