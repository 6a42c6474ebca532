"""A stack of its own for the tests that need everything, used as people use it: command line, HTTP, and signals."""

import functools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx
import redis
from processes import wait_for
from verdict import Store

ROOT = Path(__file__).resolve().parents[1]
LEASE_S = 3.0
DRAIN_S = 5.0
SOLO_WAIT_S = 2.0
# What the caller sets reaches every part of the stack, but for what the stack itself decides.
SHORT_TIMES = {
    "ORCH_WORKER__LEASE": f"PT{LEASE_S:.0f}S",
    "ORCH_WORKER__DRAIN": f"PT{DRAIN_S:.0f}S",
    "ORCH_WORKER__SOLO_WAIT": f"PT{SOLO_WAIT_S:.0f}S",
}


@dataclass(frozen=True)
class LiveStack:
    """A running stack with short times, in a folder; ``env`` is what else its parts are told."""

    state: Path
    env: Mapping[str, str] = field(default_factory=dict)

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """One command of the command line."""
        return subprocess.run(
            (sys.executable, "-m", "orchestrator", *words, "--state", self.state),
            env={**os.environ, **SHORT_TIMES, **self.env},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def show(self, *words: str | Path) -> Any:  # noqa: ANN401 - JSON
        """What a command that must succeed prints as JSON."""
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @property
    def about(self) -> dict[str, Any]:
        """`stack.json` as it is now."""
        about: dict[str, Any] = json.loads((self.state / "stack.json").read_text())
        return about

    @functools.cached_property
    def http(self) -> httpx.Client:
        """The API, with the project's key; the address and the key stay when parts are restarted."""
        headers = {"Authorization": f"Bearer {self.about['api_key']}"}
        return httpx.Client(base_url=self.about["api"], headers=headers, timeout=30)

    @functools.cached_property
    def store(self) -> Store:
        return cast("Store", redis.Redis.from_url(self.about["redis"], decode_responses=True))

    def pid(self, part: str) -> int:
        pid: int = self.about["processes"][part]
        return pid

    def kill_group(self, part: str) -> None:
        """SIGKILL to the part and everything that it started."""
        os.killpg(self.pid(part), signal.SIGKILL)

    def await_restart(self, part: str, *, was: int) -> None:
        """Return when the part answers again as another process than ``was``."""
        wait_for(lambda: self.pid(part) != was)
        self.await_ready(part)

    def await_ready(self, part: str) -> None:
        wait_for(lambda: any(view["name"] == part and view["state"] == "ready" for view in self.about["parts"]))


@contextmanager
def live_stack(
    state: Path, *, lanes: Sequence[str], env: Mapping[str, str] | None = None, payload: bool = False
) -> Iterator[LiveStack]:
    """A stack with two children a lane; stopped at the end, which must leave nothing running."""
    options = ("--payload",) if payload else ()
    stack = LiveStack(state, env or {})
    up = stack.run("up", "--detach", "--workers", "2", "--lanes", ",".join(lanes), *options)
    assert up.returncode == 0, up.stderr
    try:
        yield stack
        stack.http.close()
        stack.store.close()
    finally:
        down = stack.run("down")
    assert down.returncode == 0, down.stderr
