"""The embedded Redis: a valkey-server on loopback that loses nothing it has acknowledged."""

from pathlib import Path

import redis

from orchestrator.local.embedded import find_valkey_server
from orchestrator.local.part import NotReady

DURABLE = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}


def valkey_command(*, port: int, folder: Path) -> tuple[str, ...]:
    """The command line of a durable server with its data in ``folder``."""
    durable = (word for name, value in DURABLE.items() for word in (f"--{name}", value))
    # The append-only file is the data: snapshots beside it would only cost disk and memory.
    where = ("--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder))
    return (find_valkey_server(), *where, *durable, "--save", "")


def connect_valkey(url: str) -> redis.Redis:
    """A client for probes: it gives up quickly instead of retrying (redis-py's own default is minutes)."""
    return redis.Redis.from_url(
        url,
        socket_connect_timeout=1,
        socket_timeout=2,
        retry=None,
        decode_responses=True,
        single_connection_client=True,
    )


def probe_valkey(url: str) -> None:
    """Return once the server has loaded its data and is as durable as we asked.

    Raises:
        NotReady: it is not.
    """
    try:
        with connect_valkey(url) as client:
            client.ping()
            found = client.config_get(*DURABLE)
    except redis.RedisError as error:
        raise NotReady(f"no answer to PING: {error}") from error
    if found != DURABLE:
        raise NotReady(f"not durable: {found}")
