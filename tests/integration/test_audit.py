"""Valkey broken by hand in every way that we know: audit finds it, mends it, and finds nothing afterwards."""

from collections.abc import Iterator

import pytest
from broken_store import BREAKS, DELAY_S, LIVE, carry_out, populate
from record_store import DONE, LEASE_MS, RecordStore, new_task, open_store, walk

from orchestrator.domain.task import Status
from orchestrator.ports.claims import Beat, Verdict


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        opened.tick(LEASE_MS // 1000)
        yield opened


def finish_all(store: RecordStore) -> set[str]:
    """Let waits and leases end, but no deadline, and run whatever there is."""
    store.pass_time(DELAY_S * 1000)
    store.tick(LEASE_MS // 1000 + 1)
    runs = [
        *store.claim(count=20).runs,
        *store.claim(lane="video", count=20).runs,
        *store.claim(lane="io.solo", count=20).runs,
    ]
    for run in runs:
        store.claims.finish(run, DONE)
    return {run.task.id for run in runs}


class TestMends:
    def test_a_sound_store_has_no_finds(self, store: RecordStore) -> None:
        populate(store)
        before = store.dump()
        assert walk(store) == set()
        assert store.dump() == before

    @pytest.mark.parametrize("broken", BREAKS)
    def test_what_was_broken_is_found_and_mended_and_every_task_comes_to_its_end(
        self, store: RecordStore, broken: str
    ) -> None:
        commands, expected = BREAKS[broken]
        populate(store)
        for command in commands:
            carry_out(store, command)
        assert expected in walk(store)
        assert walk(store) == set(), "the second time around there is nothing left to find"
        assert finish_all(store) == LIVE - ({"running"} if broken == "a record is lost" else set())
        assert walk(store) == set()

    def test_a_project_that_is_missing_from_the_turn_is_found_again(self, store: RecordStore) -> None:
        store.submit(new_task("lost"), new_task("b", project="film-b"))
        store.client.zrem("orch:turn:io", "film-a")
        assert [run.task.id for run in store.claim(count=5).runs] == ["b"]
        walk(store)
        assert [run.task.id for run in store.claim(count=5).runs] == ["lost"]

    def test_a_run_whose_lease_was_lost_goes_on(self, store: RecordStore) -> None:
        store.submit(new_task("t"))
        run = store.claim_one()
        store.client.zrem("orch:leases", "t")
        walk(store)
        assert store.claims.beat([Beat(run)]) == [Verdict.GO_ON]
        store.claims.finish(run, DONE)

    def test_a_lost_lease_of_a_dead_run_lapses(self, store: RecordStore) -> None:
        store.submit(new_task("t"))
        store.claims.beat([Beat(store.claim_one())])
        store.client.zrem("orch:leases", "t")
        walk(store)
        store.tick(LEASE_MS // 1000)
        assert store.task("t").status is Status.QUEUED

    def test_a_record_that_cannot_be_mended_is_named_and_holds_nothing_up(self, store: RecordStore) -> None:
        populate(store)
        for field in ("lane", "rank", "id", "schema"):
            carry_out(store, f"HDEL orch:task:ready {field}")
            assert walk(store) == {("broken", "record", "ready")}
