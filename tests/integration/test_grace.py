"""When silence proves nothing: who could not be heard keeps its run, and slow keepers still find who is dead."""

from collections.abc import Iterator

import pytest
from record_store import DONE, LEASE_MS, RecordStore, new_task, open_store

from orchestrator.domain.task import Run, Status
from orchestrator.ports.claims import Beat, Verdict

LEASE_S = LEASE_MS // 1000
GAP_MS = LEASE_MS // 3
FREEZE_MS = 10 * LEASE_MS
GAPS_IN_A_ROW = 10


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        opened.tick(LEASE_S)  # a keeper that has just started grants a grace
        yield opened


def start(store: RecordStore, task_id: str = "t") -> Run:
    """A run that has beaten."""
    store.submit(new_task(task_id))
    run = store.claim_one()
    store.claims.beat([Beat(run)])
    return run


def beat(store: RecordStore, run: Run) -> Verdict:
    (verdict,) = store.claims.beat([Beat(run)])
    return verdict


class TestAfterAGap:
    def test_no_run_ends_that_beats_again_in_time(self, store: RecordStore) -> None:
        run = start(store)
        store.pass_time(FREEZE_MS)
        assert store.tick(LEASE_S - 1).lapsed == 0
        assert beat(store, run) is Verdict.GO_ON
        store.tick(LEASE_S - 1)
        store.claims.finish(run, DONE)
        assert store.task("t").status is Status.SUCCEEDED

    def test_the_grace_is_one_lease_long(self, store: RecordStore) -> None:
        start(store)
        store.pass_time(FREEZE_MS)
        assert store.tick(LEASE_S - 1).lapsed == 0
        assert store.tick(1).lapsed == 1

    def test_the_first_to_be_heard_may_be_another_run(self, store: RecordStore) -> None:
        first, second = start(store, "first"), start(store, "second")
        store.pass_time(FREEZE_MS)
        beat(store, first)
        assert store.tick(1).lapsed == 0
        assert beat(store, second) is Verdict.GO_ON

    def test_every_freeze_of_a_row_has_its_grace(self, store: RecordStore) -> None:
        run = start(store)
        for _ in range(3 * GAPS_IN_A_ROW):
            store.pass_time(FREEZE_MS)
            assert store.tick(1).lapsed == 0
            assert beat(store, run) is Verdict.GO_ON

    def test_it_holds_for_silent_nodes_too(self, store: RecordStore) -> None:
        start(store)
        store.pass_time(FREEZE_MS)
        assert store.upkeep.reap_silent(silent_s=5, limit=10).lapsed == 0
        store.tick(1)
        assert store.upkeep.reap_silent(silent_s=5, limit=10).lapsed == 0


class TestNoGap:
    def test_a_pause_that_leaves_a_healthy_run_most_of_its_lease_is_none(self, store: RecordStore) -> None:
        start(store)
        store.tick(LEASE_S - 1)
        store.pass_time(GAP_MS)
        assert store.tick().lapsed == 1

    def test_a_keeper_that_was_away_for_minutes_is_none_while_others_beat(self, store: RecordStore) -> None:
        start(store, "dead")
        run = start(store, "healthy")
        for _ in range(10 * LEASE_S):
            store.pass_time(1_000)
            beat(store, run)
        assert store.tick().lapsed == 1
        assert store.task("dead").status is Status.QUEUED
        assert beat(store, run) is Verdict.GO_ON

    def test_slow_ticks_still_find_who_is_dead_beside_runs_that_beat(self, store: RecordStore) -> None:
        start(store, "dead")
        run = start(store, "healthy")
        lapsed = 0
        for second in range(2 * LEASE_S):
            store.pass_time(1_000)
            beat(store, run)
            if second % (LEASE_S // 2) == 0:
                lapsed += store.tick().lapsed
        assert lapsed == 1
        assert store.task("healthy").status is Status.RUNNING

    def test_slow_ticks_find_the_dead_even_if_nobody_is_left_to_beat(self, store: RecordStore) -> None:
        start(store)
        lapsed = 0
        for _ in range(GAPS_IN_A_ROW + 2):
            store.pass_time(2 * GAP_MS)
            lapsed += store.tick().lapsed
        assert lapsed == 1

    def test_once_somebody_beats_again_a_freeze_has_its_grace_again(self, store: RecordStore) -> None:
        for _ in range(GAPS_IN_A_ROW + 1):
            store.pass_time(FREEZE_MS)
            store.tick()
        run = start(store)
        store.pass_time(FREEZE_MS)
        assert store.tick().lapsed == 0
        assert beat(store, run) is Verdict.GO_ON
