"""The store stands still for longer than a lease under healthy runs, with real keepers: nobody may pay for that."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import cast

import pytest
import redis
from processes import wait_for
from record_store import new_task
from servers import Server, Valkey, valkey
from verdict import Store, crashes, status_of

from orchestrator.adapters.redis.claims import RedisClaims
from orchestrator.adapters.redis.connection import WORKER, connect
from orchestrator.adapters.redis.intake import RedisIntake
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.local.loopback import pick_ports
from orchestrator.local.own import AliveProbe
from orchestrator.pipelines.run_watch import RunWatch
from orchestrator.services.runs.beat import BeatRuns

pytestmark = pytest.mark.timeout(120)

LEASE_S = 4.0
FREEZE_S = 6.0
CHILDREN = 5
RUNS_A_CHILD = 10
FREEZES = 2
# A keeper's tick, its neighbour's turn after five, and a busy machine.
MARGIN_S = 8.0

Recorder = Callable[[str, object], None]


class Child:
    """Runs that do nothing but live: claimed, and kept alive by the thread that a worker has for that."""

    def __init__(self, url: str, owner: str) -> None:
        self._client = connect(url, WORKER)
        claims = RedisClaims(Scripts(self._client), lease_ms=int(LEASE_S * 1000))
        self._beats = BeatRuns(claims, SystemClock())
        run_ids = [f"{owner}-{number}" for number in range(RUNS_A_CHILD)]
        runs = claims.claim("io", owner, run_ids=run_ids).runs
        self.watches: Sequence[RunWatch] = [self._beats.watch(run) for run in runs]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=owner)
        self._thread.start()

    @property
    def ids(self) -> list[str]:
        return [watch.run.task.id for watch in self.watches]

    def close(self) -> None:
        """Fall silent."""
        self._stopping.set()
        self._thread.join()
        self._client.close()

    def _beat(self) -> None:
        while not self._stopping.wait(self._beats.period_s):
            self._beats.beat()


@pytest.fixture
def store_server(tmp_path: Path) -> Iterator[Valkey]:
    with valkey(tmp_path) as server:
        yield server


@contextmanager
def keepers(server: Valkey, folder: Path, *, count: int) -> Iterator[list[Server]]:
    """As `orchestrator keeper` runs; the leases of the duties pick one of them for each."""
    with ExitStack() as running:
        yield [running.enter_context(keeper(server, folder / f"keeper-{number}.log")) for number in range(count)]


def keeper(server: Valkey, log: Path) -> Server:
    env = {
        "ORCH_REDIS__URL": server.url,
        "ORCH_WORKER__LEASE": f"PT{LEASE_S:.0f}S",
        "ORCH_KEEPER__METRICS_PORT": str(pick_ports(1)[0]),
    }
    command = (sys.executable, "-m", "orchestrator", "keeper")
    return Server(command=command, log=log, probe=AliveProbe(server.url, "keeper"), env=env)


@contextmanager
def children(server: Valkey) -> Iterator[list[Child]]:
    client = connect(server.url, WORKER)
    intake = RedisIntake(Scripts(client))
    for number in range(CHILDREN * RUNS_A_CHILD):
        intake.submit(new_task(f"t{number:02}"))
    client.close()
    with ExitStack() as alive:
        yield [alive.enter_context(closing(Child(server.url, f"node:{number}:1"))) for number in range(CHILDREN)]


def freeze(server: Valkey) -> None:
    """SIGSTOP, longer than a lease, SIGCONT."""
    os.kill(server.process.pid, signal.SIGSTOP)
    frozen_at = time.monotonic()
    wait_for(lambda: time.monotonic() - frozen_at >= FREEZE_S)
    os.kill(server.process.pid, signal.SIGCONT)


@pytest.mark.long
def test_no_healthy_run_pays_for_a_store_that_stood_still(
    store_server: Valkey, tmp_path: Path, record_testsuite_property: Recorder
) -> None:
    store = cast("Store", redis.Redis.from_url(store_server.url, decode_responses=True))
    with closing(store), keepers(store_server, tmp_path, count=2) as kept, children(store_server) as alive:
        ids = [task_id for child in alive for task_id in child.ids]
        assert len(ids) == CHILDREN * RUNS_A_CHILD
        for _ in range(FREEZES):
            freeze(store_server)
            await_grace_over(store)
        aborted = [watch.run.task.id for child in alive for watch in child.watches if watch.ending is not None]
        record_testsuite_property(f"freeze: runs of {len(ids)} aborted", len(aborted))
        assert aborted == []
        assert {status_of(store, task_id) for task_id in ids} == {"running"}
        assert sum(crashes(store, task_id) for task_id in ids) == 0

        holder = str(store.get("orch:duty:reconcile")).split(":")[1]
        next(server for server in kept if str(server.process.pid) == holder).kill()
        dead, silent_at = alive[0], time.monotonic()
        dead.close()
        wait_for(lambda: {status_of(store, task_id) for task_id in dead.ids} == {"queued"})
        recovered_s = time.monotonic() - silent_at
        record_testsuite_property("freeze: recovery of who died later, together with the keeper, s", recovered_s)
        assert recovered_s <= LEASE_S + MARGIN_S
        assert sum(crashes(store, task_id) for task_id in ids) == RUNS_A_CHILD


def await_grace_over(store: Store) -> None:
    """Until the grace of a gap that ends now is over, and two seconds more: whoever may lapse has lapsed by then."""
    thawed_ms = time.time() * 1000

    def is_over() -> bool:
        alive, grace_until = store.hmget("orch:reconcile", ["alive_ms", "grace_until_ms"])
        return float(alive or 0) > thawed_ms and float(grace_until or "inf") + 2_000 < time.time() * 1000

    wait_for(is_over)
