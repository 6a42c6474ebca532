"""The walk of audit: small steps, shared by all keepers, never mistaken about a task that moves meanwhile."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count, takewhile
from threading import Event

import pytest
from record_store import DONE, FAILURE, LEASE_MS, RecordStore, new_task, open_store, walk
from structlog.testing import capture_logs

from orchestrator.domain.retry import Again
from orchestrator.ports.claims import Beat
from orchestrator.services.upkeep.audit import LOOKS_A_STEP, STEPS_A_TICK, Audit
from orchestrator.telemetry import build_queue_metrics

MISSING_LEASE = {"fault": "missing", "index": "leases", "subject": "t"}


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        opened.tick(LEASE_MS // 1000)
        yield opened


class TestWalk:
    def test_a_step_is_bounded_however_large_the_store_is(self, store: RecordStore) -> None:
        store.submit(*(new_task(f"t{number:03}") for number in range(300)))
        assert max(store.upkeep.audit(limit=50).looked for _ in range(30)) < 3 * 50

    def test_everything_is_looked_at_in_one_round(self, store: RecordStore) -> None:
        store.submit(*(new_task(f"t{number:03}") for number in range(300)))
        for number in range(0, 300, 10):
            store.client.zrem("orch:ready:io:film-a:echo:system.echo", f"t{number:03}")
        assert len(walk(store, limit=50)) == 30
        assert walk(store, limit=50) == set()

    def test_another_keeper_goes_on_where_the_first_stopped(self, store: RecordStore, redis_url: str) -> None:
        store.submit(*(new_task(f"t{number:03}") for number in range(300)))
        looks = [store.upkeep.audit(limit=50).looked for _ in range(10)]
        with open_store(redis_url) as another:
            rest = []
            while not (audited := another.upkeep.audit(limit=50)).has_come_round:
                rest.append(audited.looked)
        whole = []
        while not (audited := store.upkeep.audit(limit=50)).has_come_round:
            whole.append(audited.looked)
        assert sum(looks) + sum(rest) < 1.1 * sum(whole)

    def test_moves_that_go_on_meanwhile_are_never_taken_for_faults(self, store: RecordStore) -> None:
        """One step after each move of a busy store: whatever is half way through its life, all is as it should be."""
        for number in range(120):
            store.submit(new_task(f"t{number:03}", key=f"k{number}", start_by_s=50))
            for run in store.claim(count=number % 3).runs:
                endings = (
                    partial(store.claims.finish, run, DONE),
                    partial(store.claims.release, run),
                    partial(store.claims.fail, run, FAILURE, decision=Again(after_s=3, counts=False)),
                    partial(store.claims.beat, [Beat(run)]),
                )
                endings[number % 4]()
                assert store.upkeep.audit(limit=20).finds == ()
            store.tick(1)
            assert store.upkeep.audit(limit=20).finds == ()

    def test_a_walk_beside_eight_busy_threads_has_no_finds(self, store: RecordStore) -> None:
        stop = Event()

        def work(lane: int) -> None:
            for number in range(60):
                store.submit(new_task(f"t{lane}-{number:03}"))
                for run in store.claims.claim("io", f"w{lane}", run_ids=[f"r{lane}-{number}"]).runs:
                    store.claims.finish(run, DONE) if number % 3 else store.claims.release(run)

        with ThreadPoolExecutor(9) as pool:
            walker = pool.submit(
                lambda: [store.upkeep.audit(limit=20).finds for _ in takewhile(lambda _: not stop.is_set(), count())]
            )
            for done in [pool.submit(work, lane) for lane in range(8)]:
                done.result()
            stop.set()
            assert set(walker.result()) == {()}


class TestAuditDuty:
    def test_a_tick_counts_by_kind_and_logs_the_task(self, store: RecordStore) -> None:
        store.submit(new_task("t"))
        store.claim()
        store.client.zrem("orch:leases", "t")
        metrics = build_queue_metrics()
        with capture_logs() as lines:
            Audit(store.upkeep, metrics).tick()
        assert lines == [{"event": "audit.mended", "log_level": "warning", **MISSING_LEASE}]
        value = metrics.registry.get_sample_value
        assert value("orchestrator_audit_mended_total", {"fault": "missing", "index": "leases"}) == 1
        assert value("orchestrator_audit_rounds_total") == 1

    def test_a_tick_is_bounded_and_the_next_goes_on(self, store: RecordStore) -> None:
        store.submit(*(new_task(f"t{number:03}") for number in range(300)))
        metrics = build_queue_metrics()
        duty, ticks = Audit(store.upkeep, metrics), 0
        while not metrics.registry.get_sample_value("orchestrator_audit_rounds_total"):
            duty.tick()
            ticks += 1
        looked = metrics.registry.get_sample_value("orchestrator_audited_total") or 0
        assert ticks > 1
        assert looked / ticks < 3 * LOOKS_A_STEP * STEPS_A_TICK
