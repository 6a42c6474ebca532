"""What the beat thread says to the store for all runs of a child, and what it brings back."""

import threading
from collections.abc import Iterator

import pytest
from record_store import LEASE_MS, RecordStore, new_task, open_store
from run_room import HandClock

from orchestrator.adapters.system_clock import SystemClock
from orchestrator.domain.task import Progress, Status
from orchestrator.pipelines.run_watch import Ending
from orchestrator.services.beat import BeatRuns

LEASE_S = LEASE_MS // 1000
HALF_WAY = Progress(stage="infer", fraction=0.5, done=1, total=2)


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        opened.tick(LEASE_S)
        opened.submit(new_task("t1"), new_task("t2"))
        yield opened


@pytest.fixture
def beats(store: RecordStore) -> BeatRuns:
    return BeatRuns(store.claims, HandClock())


def test_it_keeps_every_run_alive_and_no_forgotten_one(store: RecordStore, beats: BeatRuns) -> None:
    kept, forgotten = (beats.watch(run) for run in store.claim(count=2).runs)
    beats.beat()
    beats.forget(forgotten)
    store.tick(LEASE_S - 1)
    beats.beat()
    assert store.tick(1).lapsed == 1
    assert store.task(kept.run.task.id).status is Status.RUNNING


def test_it_carries_the_progress_out(store: RecordStore, beats: BeatRuns) -> None:
    watch = beats.watch(store.claim_one())
    watch.report(HALF_WAY)
    beats.beat()
    assert store.task("t1").progress == HALF_WAY
    assert [event.type for event in store.reads.events("t1")] == ["queued", "running"], "progress is told, not kept"


def test_a_beat_without_news_makes_no_event(store: RecordStore, beats: BeatRuns) -> None:
    beats.watch(store.claim_one())
    beats.beat()
    beats.beat()
    assert [event.type for event in store.reads.events("t1")] == ["queued", "running"]


def test_each_run_gets_its_own_verdict(store: RecordStore, beats: BeatRuns) -> None:
    stopped, going = (beats.watch(run) for run in store.claim(count=2).runs)
    store.intake.cancel("film-a", stopped.run.task.id)
    beats.beat()
    assert (stopped.ending, going.ending) == (Ending.STOP, None)


def test_a_new_run_is_beaten_at_once(store: RecordStore) -> None:
    beats = BeatRuns(store.claims, SystemClock(), period_s=3_600)
    threading.Thread(target=beats.beat_forever, daemon=True).start()
    assert beats.watch(store.claim_one()).await_first_beat(10)
