"""Many processes, one breaker: one probe among them all, and a store that may go away under them."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from overheard import overheard
from processes import wait_for
from run_room import HandClock
from servers import Valkey, valkey

from orchestrator.adapters.redis.breakers import RedisBreakers
from orchestrator.adapters.redis.connection import connect
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.breaker import TRITON, BreakerState, DependencyOpen, Outcome, Permit
from orchestrator.wiring.breakers import QUICK

PROCESSES, CALLS = 8, 25
START_MS = 1_800_000_000_000


@contextmanager
def process(url: str, *, now_ms: int | None = None) -> Iterator[RedisBreakers]:
    with closing(connect(url, QUICK)) as client:
        yield RedisBreakers(Scripts(client, now_ms=now_ms), HandClock())


def permits(url: str, *, now_ms: int) -> list[Permit]:
    """What many processes with several threads each are given, all at once."""
    start = threading.Barrier(PROCESSES)

    def call_often() -> list[Permit]:
        with process(url, now_ms=now_ms) as breakers:
            start.wait(10)
            with ThreadPoolExecutor(4) as threads:
                tried = threads.map(lambda _: _ask(breakers), range(CALLS))
                return [permit for permit in tried if permit]

    with ThreadPoolExecutor(PROCESSES) as pool:
        asked = [pool.submit(call_often) for _ in range(PROCESSES)]
        return [permit for each in asked for permit in each.result()]


def _ask(breakers: RedisBreakers) -> Permit | None:
    try:
        return breakers.allow(TRITON)
    except DependencyOpen:
        return None


def test_who_was_idle_goes_by_what_a_claim_has_handed_out(redis_url: str) -> None:
    """A claim passes over what is away, so one question the less is on the way of a task that comes alone."""
    clock = HandClock()
    with closing(connect(redis_url, QUICK)) as client:
        breakers = RedisBreakers(Scripts(client), clock, types={TRITON: ["system.echo"]})

        def asks_after(seconds: float, *types: str) -> bool:
            clock.now_s += seconds
            breakers.vouch(types)
            with overheard(redis_url) as said:
                breakers.allow(TRITON)
            return bool(said)

        assert asks_after(0, "system.echo"), "nobody has ever asked"
        assert not asks_after(2, "system.echo")
        assert asks_after(0.5, "system.echo"), "who calls on and on hears of others"
        assert asks_after(2, "audio.speech"), "it needs something else"
        assert not asks_after(9, "system.echo")
        assert asks_after(2, "system.echo"), "nobody has asked for long"


def test_of_many_callers_one_finds_out(redis_url: str) -> None:
    with process(redis_url, now_ms=START_MS) as breakers:
        breakers.report(Permit(TRITON), Outcome.DENIED)
    assert [permit for permit in permits(redis_url, now_ms=START_MS + 4_999) if permit.token] == []
    (probe,) = [permit for permit in permits(redis_url, now_ms=START_MS + 5_000) if permit.token]
    with process(redis_url, now_ms=START_MS + 5_000) as breakers:
        assert breakers.report(probe, Outcome.WELL)
    assert len(permits(redis_url, now_ms=START_MS + 5_000)) == PROCESSES * CALLS


def test_failures_of_all_processes_count_together(redis_url: str) -> None:
    for _ in range(10):
        with process(redis_url, now_ms=START_MS) as breakers:
            breakers.report(Permit(TRITON), Outcome.FAILED)
    with process(redis_url, now_ms=START_MS) as breakers:
        assert breakers.look(TRITON).state is BreakerState.OPEN


def test_a_healthy_process_writes_nothing(redis_url: str) -> None:
    with process(redis_url) as breakers, closing(connect(redis_url, QUICK)) as client:
        for _ in range(1_000):
            breakers.report(breakers.allow(TRITON), Outcome.WELL)
        assert client.dbsize() == 0


class TestWithoutTheStore:
    @pytest.fixture
    def server(self, tmp_path: Path) -> Iterator[Valkey]:
        with valkey(tmp_path) as server:
            yield server

    def test_what_was_closed_stays_so_and_what_was_open_too(self, server: Valkey) -> None:
        clock = HandClock()
        with closing(connect(server.url, QUICK)) as client:
            breakers = RedisBreakers(Scripts(client), clock)
            breakers.allow("r2")
            breakers.report(Permit(TRITON), Outcome.DENIED)
            server.kill()
            for _ in range(20):
                clock.now_s += 10
                assert breakers.report(breakers.allow("r2"), Outcome.FAILED)
                with pytest.raises(DependencyOpen):
                    breakers.allow(TRITON)
            server.start()
            clock.now_s += 10
            wait_for(lambda: is_probe(breakers, clock), within_s=15)

    def test_one_that_never_was_asked_about_is_closed(self, server: Valkey) -> None:
        server.kill()
        with process(server.url) as breakers:
            assert breakers.allow("r2") == Permit("r2")


def is_probe(breakers: RedisBreakers, clock: HandClock) -> bool:
    """Whether the breaker, which is open in the store, is heard of again: its time there is not in the test's hand."""
    clock.now_s += 10
    permit = _ask(breakers)
    return permit is not None and permit.token != ""
