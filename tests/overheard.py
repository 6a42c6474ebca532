"""What clients send to a store, as it hears it: one word for each round trip, the name of the script if it is one.

A script that the store does not know yet is sent twice, and counts once.
"""

import hashlib
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files

import redis

from orchestrator.adapters.redis import scripts

NOT_COUNTED = ("HELLO", "CLIENT", "EVAL ")  # of a new connection, and the second sending of a script


@cache
def script_names() -> dict[str, str]:
    """By their digest."""
    folder = files(scripts.__package__ or "") / "lua"
    names = [entry.name.removesuffix(".lua") for entry in folder.iterdir()]
    return {hashlib.sha1(scripts.script_text(name).encode(), usedforsecurity=False).hexdigest(): name for name in names}


@contextmanager
def overheard(url: str) -> Iterator[list[str]]:
    """Filled when the block is left; what scripts do in there is no round trip."""
    said: list[str] = []
    end = uuid.uuid4().hex
    with redis.Redis.from_url(url) as client, redis.Redis.from_url(url) as ear, ear.monitor() as monitor:
        listening = threading.Thread(target=_listen, args=(monitor, said), kwargs={"until": end})
        listening.start()
        try:
            yield said
        finally:
            client.echo(end)
            listening.join(10)
    assert not listening.is_alive()


def _listen(monitor: redis.client.Monitor, said: list[str], *, until: str) -> None:
    for heard in monitor.listen():  # type: ignore[no-untyped-call]  # redis-py has no types here
        command: str = heard["command"]
        if until in command:
            return
        if heard["client_type"] != "lua" and not command.startswith(NOT_COUNTED):
            words = command.split()
            said.append(script_names().get(words[1], words[0]) if words[0] == "EVALSHA" else words[0])
