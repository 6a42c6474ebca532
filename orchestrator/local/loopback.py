"""Free ports on loopback, and asking what listens there."""

import random
import socket

import httpx

from orchestrator.local.part import NotReady, StackError

# Below Linux's ephemeral range (from 32768): in there an outgoing connection could take the port of a part that is
# being restarted, and a client that keeps dialling a dead server on loopback can even connect to itself.
SERVER_PORTS = range(15_000, 30_000)

_reserved: dict[int, int] = {}  # port → file descriptor of the name that reserves it, until this process ends


def is_free(port: int) -> bool:
    """Whether a server could listen on ``port`` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def reserve(port: int) -> bool:
    """Whether ``port`` is this process's own among all Orchestrators of the machine, until it ends.

    A part binds its port seconds after it was chosen. An abstract socket name keeps other stacks off it meanwhile,
    and no crash can leave one behind.
    """
    if port in _reserved:
        return True
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0orchestrator-port-{port}")
    except OSError:
        name.close()
        return False
    _reserved[port] = name.detach()
    return True


def pick_ports(count: int) -> tuple[int, ...]:
    """As many different ports, free and reserved, that were not picked before.

    Raises:
        StackError: there are not as many.
    """
    shuffled = random.SystemRandom().sample(SERVER_PORTS, len(SERVER_PORTS))
    found: list[int] = []
    for port in shuffled:
        if len(found) == count:
            break
        if port not in _reserved and is_free(port) and reserve(port):
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
        # Parts speak plain HTTP on loopback; to load the machine's certificates for it takes 55 ms of CPU a question.
        answer = httpx.get(url, timeout=2, verify=False)  # noqa: S501 - see above
    except httpx.HTTPError as error:
        raise NotReady(f"no answer: {error}") from error
    if answer.status_code != httpx.codes.OK:
        raise NotReady(f"answers {answer.status_code}")
