"""Any number of keepers: each duty runs in one of them at a time, and moves on when that one goes, however it goes."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
import redis
from processes import wait_for
from record_store import RecordStore, open_store

from orchestrator.keeper import repeat
from orchestrator.local.loopback import pick_ports
from orchestrator.wiring.keeper import Duty

TICK_S = 0.2
FAST = ("reconcile", "ring", "audit")
DUTIES = (*FAST, "sweep")


@dataclass
class Ledger:
    """Who ran the duty, and whether two ever did at once."""

    runs: Counter[str] = field(default_factory=Counter)
    clashes: int = 0
    _busy: threading.Lock = field(default_factory=threading.Lock)

    def run(self, keeper: str) -> None:
        if not self._busy.acquire(blocking=False):
            self.clashes += 1
            return
        threading.Event().wait(0.005)
        self.runs[keeper] += 1
        self._busy.release()

    def has_run_in(self, keepers: int) -> bool:
        return len(self.runs) == keepers and min(self.runs.values()) > 5


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        yield opened


@contextmanager
def keeper_thread(store: RecordStore, name: str, *, ledger: Ledger) -> Iterator[threading.Event]:
    """A keeper with one duty; set the event to stop it."""
    stopping = threading.Event()
    duty = Duty(
        "count",
        every_s=0.01,
        take=lambda: store.upkeep.take_duty("count", name, ttl_s=60),
        tick=lambda: ledger.run(name),
        leave=lambda: store.upkeep.leave_duty("count", name),
    )
    thread = threading.Thread(target=repeat, args=(duty, stopping))
    thread.start()
    yield stopping
    stopping.set()
    thread.join()


def test_a_duty_runs_in_one_keeper_at_a_time_and_goes_on_when_that_one_stops(store: RecordStore) -> None:
    ledger = Ledger()
    with ExitStack() as keepers:
        stops = {name: keepers.enter_context(keeper_thread(store, name, ledger=ledger)) for name in ("a", "b", "c")}
        for kept in (1, 2, 3):
            wait_for(partial(ledger.has_run_in, kept))
            (holder,) = (name for name in stops if store.client.get("orch:duty:count") == name)
            stops[holder].set()
    assert ledger.clashes == 0
    assert set(ledger.runs) == {"a", "b", "c"}


def test_nobody_can_leave_for_another(store: RecordStore) -> None:
    store.upkeep.take_duty("sweep", "a", ttl_s=60)
    store.upkeep.leave_duty("sweep", "b")
    assert not store.upkeep.take_duty("sweep", "b", ttl_s=60)


@contextmanager
def keeper_process(redis_url: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    own = {
        "ORCH_REDIS__URL": redis_url,
        "ORCH_KEEPER__TICK": f"PT{TICK_S}S",
        "ORCH_KEEPER__METRICS_PORT": str(pick_ports(1)[0]),
    }
    with log.open("ab") as out:
        process = subprocess.Popen(
            (sys.executable, "-m", "orchestrator", "keeper"), env={**os.environ, **own}, stderr=out
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def has_started(log: Path) -> bool:
    return "keeper.started" in log.read_text()


def test_real_keepers_share_the_duties_and_take_over_from_one_that_is_killed_or_stopped(
    redis_url: str, tmp_path: Path
) -> None:
    client = redis.Redis.from_url(redis_url, decode_responses=True)

    def holders(duties: tuple[str, ...]) -> set[str | None]:
        """The pids of those that hold ``duties``; None for a duty that nobody holds."""
        found = (client.get(f"orch:duty:{duty}") for duty in duties)
        return {holder.split(":")[1] if isinstance(holder, str) else None for holder in found}

    with ExitStack() as stack, client:
        first = stack.enter_context(keeper_process(redis_url, tmp_path / "first.log"))
        wait_for(lambda: holders(DUTIES) == {str(first.pid)})
        others = [stack.enter_context(keeper_process(redis_url, tmp_path / f"{n}.log")) for n in ("second", "third")]
        left = {str(other.pid) for other in others}
        for n in ("second", "third"):
            wait_for(partial(has_started, tmp_path / f"{n}.log"), within_s=80)  # on a machine that does much else
        assert holders(DUTIES) == {str(first.pid)}
        first.kill()
        wait_for(lambda: holders(FAST) <= left)  # within a lease: 1 s, for audit 5 s
        for other in others:
            if str(other.pid) in holders(("reconcile",)):
                other.send_signal(signal.SIGTERM)
                assert other.wait(20) == 0
                left -= {str(other.pid)}
                assert str(other.pid) not in holders(FAST), "it has left what it held"
                break
        wait_for(lambda: holders(FAST) == left)
