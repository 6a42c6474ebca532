"""Loads the Lua scripts by name and runs them: `EVALSHA`, and the whole text when the server does not know it."""

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from redis.exceptions import NoScriptError

from orchestrator.adapters.redis.client import RedisClient

INCLUDE = re.compile(r"^-- include: (.+)$", re.MULTILINE)


@cache
def script_text(name: str) -> str:
    """The script with its includes in place, and theirs, in the order in which it names them."""
    text = (files(__package__) / "lua" / f"{name}.lua").read_text(encoding="utf-8")
    return INCLUDE.sub(lambda found: "\n".join(script_text(part.strip()) for part in found[1].split(",")), text)


@cache
def _sha1(name: str) -> str:
    return hashlib.sha1(script_text(name).encode(), usedforsecurity=False).hexdigest()


class Scripts:
    """Runs scripts on one client. ``now_ms`` replaces the server's clock, in tests only."""

    def __init__(self, client: RedisClient, *, now_ms: int | None = None) -> None:
        self.client = client
        self.now_ms = now_ms

    def run(self, name: str, given: Mapping[str, object]) -> Any:  # noqa: ANN401 - each script has its own shape
        """Run ``lua/<name>.lua`` with named arguments."""
        now = "" if self.now_ms is None else str(self.now_ms)
        argv = [now, *(str(part) for pair in given.items() for part in pair)]
        try:
            return self.client.evalsha(_sha1(name), 0, *argv)
        except NoScriptError:
            return self.client.eval(script_text(name), 0, *argv)
