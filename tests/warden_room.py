"""A real warden with a server that only sleeps: its door is the same, and it is there at once."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from servers import CONTROL_KEY, ROOT, Server

from orchestrator.local.loopback import pick_ports
from orchestrator.local.part import NotReady

SLEEPER = "import pathlib, os, time; pathlib.Path('pids').open('a').write(f'{os.getpid()}\\n'); time.sleep(600)"


@dataclass(kw_only=True)
class SleepersWarden(Server):
    """The process of the warden."""

    url: str
    folder: Path

    def pids(self) -> list[int]:
        """Of each server that it has started."""
        path = self.folder / "pids"
        return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


@contextmanager
def sleepers_warden(folder: Path) -> Iterator[SleepersWarden]:
    (port,) = pick_ports(1)
    url = f"http://127.0.0.1:{port}"

    def probe(_pid: int) -> None:
        try:
            httpx.get(f"{url}/memory", timeout=2)
        except httpx.HTTPError as error:
            raise NotReady(str(error)) from error

    words = ("--address", f"127.0.0.1:{port}", "--releases", str(folder / "pushed"), "--grace-s", "5", "--")
    sleeper = (sys.executable, "-c", f"import os; os.chdir({str(folder)!r}); {SLEEPER}")
    env = {**os.environ, "PYTHONPATH": str(ROOT / "triton"), "ORCH_TRITON__CONTROL_KEY": CONTROL_KEY}
    command = (sys.executable, "-m", "warden", *words, *sleeper)
    with SleepersWarden(
        command=command, log=folder / "warden.log", probe=probe, env=env, url=url, folder=folder
    ) as server:
        yield server
