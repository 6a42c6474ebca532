"""A replica that has missed writes becomes the store: what it never heard of is void, whatever its epoch."""

import secrets
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
import redis
from fault_proxy import FaultProxy, fault_proxy
from processes import wait_for
from record_store import DONE, new_task
from servers import Valkey, valkey
from verdict import Store, assert_sound, status_of

from orchestrator.adapters.redis.claims import RedisClaims
from orchestrator.adapters.redis.connection import WORKER, connect
from orchestrator.adapters.redis.intake import RedisIntake
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.errors import StaleRun
from orchestrator.domain.task import Run
from orchestrator.ports.claims import Beat, Verdict

NOWHERE = ("127.0.0.1", "1")
AT_ONCE = ("--shutdown-timeout", "0")  # else a primary waits ten seconds for what its replica has not read


@dataclass(frozen=True)
class Pair:
    """A primary, its replica, and the address by which the service knows whichever is the store."""

    primary: redis.Redis
    replica: redis.Redis
    replica_port: int
    address: FaultProxy

    def detach(self) -> None:
        """From now on the replica misses what the primary does; first it has all of it."""
        self.primary.set("last", "word")
        wait_for(lambda: self.replica.get("last") == "word")
        self.replica.replicaof(*NOWHERE)

    def promote(self) -> None:
        self.replica.replicaof("NO", "ONE")
        self.address.server_port = self.replica_port
        self.address.reset()


def client_of(server: Valkey) -> redis.Redis:
    return redis.Redis.from_url(server.url, decode_responses=True)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    folders = [tmp_path / "primary", tmp_path / "replica"]
    for folder in folders:
        folder.mkdir()
    with (
        valkey(folders[0], extra=AT_ONCE) as primary,
        valkey(folders[1], extra=(*AT_ONCE, "--replicaof", "127.0.0.1", str(primary.port))) as replica,
        fault_proxy(primary.port) as address,
        client_of(primary) as of_primary,
        client_of(replica) as of_replica,
    ):
        yield Pair(of_primary, of_replica, replica.port, address)


@pytest.fixture
def scripts(pair: Pair) -> Iterator[Scripts]:
    with closing(connect(f"redis://127.0.0.1:{pair.address.port}/0", WORKER)) as client:
        yield Scripts(client)


def claim_one(claims: RedisClaims, owner: str) -> Run:
    (run,) = claims.claim("io", owner, run_ids=[secrets.token_hex(8)]).runs
    return run


def test_a_run_that_the_promoted_replica_never_heard_of_cannot_end_its_task(pair: Pair, scripts: Scripts) -> None:
    claims, store = RedisClaims(scripts, lease_ms=30_000), cast("Store", pair.replica)
    RedisIntake(scripts).submit(new_task("t"))
    pair.detach()
    forgotten = claim_one(claims, "worker-1")
    assert claims.beat([Beat(forgotten, None)]) == [Verdict.GO_ON]

    pair.promote()
    assert status_of(store, "t") == "queued"
    current = claim_one(claims, "worker-2")
    assert (forgotten.epoch, current.epoch) == (1, 1)
    assert claims.beat([Beat(forgotten, None), Beat(current, None)]) == [Verdict.LOST, Verdict.GO_ON]
    with pytest.raises(StaleRun):
        claims.finish(forgotten, DONE)
    assert status_of(store, "t") == "running"

    claims.finish(current, DONE)
    with pytest.raises(StaleRun):
        claims.finish(forgotten, DONE)
    assert_sound(store, ["t"])
