"""How long we wait for Redis, and what becomes of the scripts when it forgets them."""

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import redis
import servers
from record_store import DONE, new_task, open_store

from orchestrator.adapters.redis.client import RedisClient
from orchestrator.adapters.redis.connection import API, WORKER, Profile, connect, redis_errors
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.errors import OutcomeUnknown, Refused, Unavailable
from orchestrator.domain.task import Status
from orchestrator.settings import WorkerSettings

API_LIMIT_S = 3.0


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Valkey]:
    """A server of this module's own, to be frozen and killed."""
    with servers.valkey(tmp_path_factory.mktemp("mortal")) as server:
        yield server


@contextmanager
def frozen(server: servers.Valkey) -> Iterator[None]:
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


def wait_in_vain(client: RedisClient) -> float:
    """How long a command took to fail."""
    begun = time.monotonic()
    with pytest.raises(OutcomeUnknown), redis_errors():
        client.get("k")
    return time.monotonic() - begun


def wait_or_fail_at_once(client: RedisClient) -> float:
    begun = time.monotonic()
    with pytest.raises(Unavailable), redis_errors():
        client.get("k")
    return time.monotonic() - begun


def warm(client: RedisClient) -> None:
    client.ping()


def cold(_client: RedisClient) -> None:
    """Its first command has yet to connect."""


class TestFrozenServer:
    @pytest.mark.parametrize("prepare", [warm, cold])
    def test_the_api_gives_up_within_three_seconds(
        self, mortal: servers.Valkey, prepare: Callable[[RedisClient], None]
    ) -> None:
        with closing(connect(mortal.url, API)) as client:
            prepare(client)
            with frozen(mortal):
                assert wait_in_vain(client) < API_LIMIT_S
                assert wait_in_vain(client) < API_LIMIT_S

    @pytest.mark.parametrize("prepare", [warm, cold])
    def test_a_worker_tries_as_often_as_its_profile_says_and_no_oftener(
        self, mortal: servers.Valkey, prepare: Callable[[RedisClient], None]
    ) -> None:
        """redis-py repeats connecting and the command each for itself: they must not multiply."""
        hasty = replace(WORKER, read_s=0.5)
        with closing(connect(mortal.url, hasty)) as client:
            prepare(client)
            with frozen(mortal):
                took_s = wait_in_vain(client)
        tries = hasty.retries + 1
        assert tries * hasty.read_s <= took_s < tries * hasty.read_s + hasty.retries * 0.5 + 0.5

    def test_a_worker_that_tried_again_is_answered_as_soon_as_the_server_is(self, mortal: servers.Valkey) -> None:
        with closing(connect(mortal.url, Profile(connect_s=1, read_s=0.2, retries=50))) as client:
            client.set("k", "v")
            mortal.kill()
            mortal.start()
            assert client.get("k") == "v"


class TestCrowd:
    def test_nobody_waits_for_a_frozen_store_after_another_has(self, mortal: servers.Valkey) -> None:
        with closing(connect(mortal.url, API)) as client:
            client.ping()
            with frozen(mortal):
                wait_in_vain(client)
                with ThreadPoolExecutor(20) as pool:
                    waits = sorted(pool.map(lambda _: wait_or_fail_at_once(client), range(20)))
            assert waits[-2] < API_LIMIT_S / 2, "all but the one that finds out"
            assert waits[-1] < API_LIMIT_S
            client.ping()
            assert [client.get("k") for _ in range(3)] == [client.get("k")] * 3

    def test_a_crowd_that_comes_when_the_store_is_back_is_answered(self, mortal: servers.Valkey) -> None:
        with closing(connect(mortal.url, API)) as client:
            with frozen(mortal):
                wait_in_vain(client)
            with ThreadPoolExecutor(20) as pool:
                assert all(pool.map(lambda _: client.ping(), range(20)))

    def test_an_answer_that_is_an_error_is_an_answer(self, mortal: servers.Valkey) -> None:
        with closing(connect(mortal.url, API)) as client:
            with frozen(mortal):
                wait_in_vain(client)
            with pytest.raises(Refused), redis_errors():
                client.eval("return redis.error_reply('ERR no')", 0)
            with ThreadPoolExecutor(20) as pool:
                assert all(pool.map(lambda _: client.ping(), range(40)))


class TestKeptConnections:
    def test_one_that_the_server_closed_meanwhile_is_not_used_again(self, mortal: servers.Valkey) -> None:
        with closing(connect(mortal.url, API)) as client, redis.Redis.from_url(mortal.url) as operator:
            client.set("k", "v")
            operator.client_kill_filter(_type="normal", skipme=True)
            assert client.get("k") == "v"

    def test_one_after_the_other_needs_one_even_when_they_fail(self, mortal: servers.Valkey) -> None:
        with closing(connect(mortal.url, API)) as client:
            known = client.info("clients")["connected_clients"]
            for _ in range(3):
                with pytest.raises(Refused), redis_errors():
                    client.eval("return redis.error_reply('ERR no')", 0)
                assert client.info("clients")["connected_clients"] == known


def test_a_workers_call_ends_within_a_lease() -> None:
    assert WORKER.patience_s < WorkerSettings().lease.total_seconds()


def test_an_api_call_ends_within_three_seconds() -> None:
    assert API.patience_s <= API_LIMIT_S


class TestScripts:
    def test_they_are_sent_again_when_the_server_has_forgotten_them(self, redis_url: str) -> None:
        with open_store(redis_url) as store:
            store.submit(new_task("t"))
            run = store.claim_one()
            with redis.Redis.from_url(redis_url) as operator:
                operator.script_flush()
            store.claims.finish(run, DONE)
            store.submit(new_task("u"))
            assert store.task("t").status is Status.SUCCEEDED

    def test_they_are_sent_again_after_a_restart(self, mortal: servers.Valkey) -> None:
        with open_store(mortal.url) as store:
            store.submit(new_task("t"))
            run = store.claim_one()
            mortal.kill()
            mortal.start()
            store.claims.finish(run, DONE)
            assert store.task("t").status is Status.SUCCEEDED

    def test_a_server_that_is_away_is_told_from_one_that_forgot(self, tmp_path: Path) -> None:
        with servers.valkey(tmp_path) as server:
            url = server.url
        with closing(connect(url, API)) as client, pytest.raises(Unavailable), redis_errors():
            Scripts(client).run("load", {})
