"""What the scripts of a task cost the store with 100,000 tasks queued over 100 projects, beside an empty store.

CPU of the one thread that runs them, less that of a PING: neither the network nor who else works on the machine counts.
"""

import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from backlog import fill, made_tasks
from echo import ECHO
from figures import Goal, Ratio, Run
from peer_process import running_peer
from redis import Redis, RedisError

from orchestrator.adapters.redis.claims import RedisClaims
from orchestrator.adapters.redis.connection import WORKER, connect
from orchestrator.adapters.redis.intake import RedisIntake
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.task import Run as TaskRun
from orchestrator.local.loopback import pick_ports
from orchestrator.local.valkey import valkey_command
from orchestrator.ports.claims import Beat, Commit

QUEUED = 100_000
PROJECTS = [f"film-{number}" for number in range(100)]
CALLS, BATCH = 600, 20
LEASE_MS = 600_000
DONE = Commit((), {}, {}, actual_s=0.1)
Costs = Mapping[str, float]


def measure_scripts(*, children: int, rounds: int) -> list[Ratio]:
    """One figure a script: "ours" is the full store, "peer" the empty one; no worker takes part."""
    sys.stderr.write(f"the store alone, so {children} children stay unused\n")
    with running_store() as full_url, running_store() as empty_url:
        fill(full_url, tasks=QUEUED, projects=PROJECTS, params=ECHO["params"])
        full, empty = Store(full_url), Store(empty_url)
        for store in (full, empty):
            store.costs()  # loads the scripts
        seen = [(full.costs(), empty.costs()) for _ in range(rounds)]
    goal = Goal(1.2, at_least=False)
    return [
        Ratio(f"script_{name}_backlog", "µs CPU", goal, [Run(ours[name], peer[name]) for ours, peer in seen])
        for name in seen[0][0]
    ]


@dataclass(frozen=True, slots=True)
class Store:
    """A store whose tasks are submitted, claimed and finished by one caller."""

    url: str
    pid: int = field(init=False)

    def __post_init__(self) -> None:
        with Redis.from_url(self.url) as client:
            object.__setattr__(self, "pid", client.info("server")["process_id"])

    def costs(self) -> Costs:
        """µs of CPU a call, of each script. The queue is as long afterwards as it was before."""
        client = connect(self.url, WORKER)
        scripts = Scripts(client)
        intake, claims = RedisIntake(scripts), RedisClaims(scripts, LEASE_MS)
        new, runs = list(made_tasks(CALLS, projects=PROJECTS, params=ECHO["params"])), list[TaskRun]()
        ping_us = self._cpu_us(lambda _: client.ping())
        found = {
            "submit": self._cpu_us(lambda number: intake.submit(new[number])),
            "claim": self._cpu_us(
                lambda _: runs.extend(claims.claim("io", "bench:1:1", run_ids=[secrets.token_hex(8)]).runs)
            ),
            "beat": self._cpu_us(lambda number: claims.beat([Beat(runs[number])])),
            "finish": self._cpu_us(lambda number: claims.finish(runs[number], DONE)),
        }
        client.close()
        return {name: cost_us - ping_us for name, cost_us in found.items()}

    def _cpu_us(self, call: Callable[[int], object]) -> float:
        """The least of many batches: a thread that has just been displaced pays for cold caches too."""
        found = []
        for first in range(0, CALLS, BATCH):
            begun_ns = self._cpu_ns()
            for number in range(first, first + BATCH):
                call(number)
            found.append(self._cpu_ns() - begun_ns)
        return min(found) / BATCH / 1000

    def _cpu_ns(self) -> int:
        """Of the server's main thread, which runs the scripts."""
        return int(Path(f"/proc/{self.pid}/task/{self.pid}/schedstat").read_text().split()[0])


@contextmanager
def running_store() -> Iterator[str]:
    """The URL of a Valkey as the service has it, but that its disk disturbs nobody."""
    (port,) = pick_ports(1)
    url = f"redis://127.0.0.1:{port}/0"
    with tempfile.TemporaryDirectory() as folder:
        command: Sequence[str] = valkey_command(port=port, folder=Path(folder))
        with running_peer(
            [*command, "--appendfsync", "no", "--auto-aof-rewrite-percentage", "0"], answers=lambda: answers(url)
        ):
            yield url


def answers(url: str) -> bool:
    try:
        with Redis.from_url(url) as client:
            return bool(client.ping())
    except RedisError:
        return False
