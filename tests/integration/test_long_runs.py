"""Runs that take longer than predicted are charged for it, whatever has become of their project's tag meanwhile."""

from collections.abc import Iterator

import pytest
from fair_lane import Lane, empty_lane
from record_store import RecordStore, no_fsync, open_store

from orchestrator.domain.task import Run


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with no_fsync(redis_url), open_store(redis_url) as opened:
        yield opened


class TestLongRuns:
    """One predicted at 1 s takes 100; meanwhile others are served, and the tag of its project is dropped."""

    def forgotten(self, store: RecordStore, weight: int = 1) -> tuple[Lane, Run]:
        lane = empty_lane(store, {"film-a": weight})
        lane.submit("film-b", tasks=200)
        lane.submit("film-a")
        runs = [lane.start(), lane.start()]
        ours = next(run for run in runs if run.task.project == "film-a")
        lane.end(next(run for run in runs if run is not ours))
        lane.serve(20)
        lane.submit("film-c")  # who leaves the turn sweeps out the tags behind the clock
        lane.serve(2)
        assert not store.client.eval("return redis.call('ZSCORE', 'orch:tags:io', 'film-a')", 0)
        return lane, ours

    def test_what_it_took_is_charged_although_its_tag_was_dropped(self, store: RecordStore) -> None:
        lane, run = self.forgotten(store)
        lane.end(run, actual_s=100.0)
        lane.submit("film-a", tasks=2)
        assert 76 <= lane.serve(100).index("film-a") <= 80

    def test_nothing_is_charged_that_the_clock_has_passed(self, store: RecordStore) -> None:
        lane, run = self.forgotten(store)
        lane.end(run, actual_s=10.0)
        lane.submit("film-a")
        assert "film-a" in lane.serve(2)

    def test_it_is_settled_at_the_weight_of_its_start(self, store: RecordStore) -> None:
        lane, run = self.forgotten(store, weight=2)
        store.client.eval("redis.call('HSET', 'orch:project:film-a', 'weight', 1)", 0)
        lane.end(run, actual_s=100.0)
        lane.submit("film-a", tasks=2)
        assert 26 <= lane.serve(100).index("film-a") <= 30

    def test_a_weight_that_changes_meanwhile_neither_gives_nor_takes(self, store: RecordStore) -> None:
        lane = empty_lane(store)
        lane.submit("film-a", 8.0, tasks=2)
        lane.submit("film-b", tasks=20)
        run = lane.start()
        assert run.task.project == "film-a"
        store.client.eval("redis.call('HSET', 'orch:project:film-a', 'weight', 4)", 0)
        lane.end(run, actual_s=2.0)
        assert lane.serve(3) == ["film-b", "film-b", "film-a"]

    def test_it_outlives_a_moment_in_which_nothing_waited(self, store: RecordStore) -> None:
        lane = empty_lane(store)
        lane.submit("film-a")
        run = lane.start()
        lane.submit("film-b", tasks=200)
        lane.serve(10)
        lane.end(run, actual_s=100.0)
        lane.submit("film-a")
        assert 87 <= lane.serve(100).index("film-a") <= 91
