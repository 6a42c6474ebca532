"""What the beat thread says to the store for all runs of a child, and what it brings back."""

from collections.abc import Iterator

import pytest
from record_store import DONE, LEASE_MS, RecordStore, new_task, open_store
from run_room import HandClock

from orchestrator.domain.task import Progress, Status
from orchestrator.pipelines.run_watch import Ending
from orchestrator.services.runs.beat import BeatRuns

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
    watch.report(Progress(stage="infer", fraction=2 / 3, done=2, total=3))
    beats.beat()
    assert store.task("t1").progress.fraction == 0.6667, "no more digits than people read"


def test_a_beat_without_news_makes_no_event(store: RecordStore, beats: BeatRuns) -> None:
    beats.watch(store.claim_one())
    beats.beat()
    beats.beat()
    assert [event.type for event in store.reads.events("t1")] == ["queued", "running"]


def test_it_carries_the_log_out_and_a_repeat_writes_it_once(store: RecordStore, beats: BeatRuns) -> None:
    watch = beats.watch(store.claim_one())
    watch.log("shots.found", shots=3)
    beat = watch.take_beat(1.0)
    store.claims.beat([beat])
    store.claims.beat([beat])
    watch.log("sheet.drawn")
    store.claims.finish(watch.run, DONE, lines=watch.log.unheard())
    story = store.reads.events("t1")
    assert [event.type for event in story] == ["queued", "running", "log", "log", "succeeded"]
    assert [event.data["event"] for event in story if event.type == "log"] == ["shots.found", "sheet.drawn"]


def test_only_who_is_due_beats(store: RecordStore) -> None:
    clock = HandClock()
    beats = BeatRuns(store.claims, clock)
    early = beats.watch(store.claim_one())
    beats.beat_due()
    clock.now_s += 0.1
    late = beats.watch(store.claim_one())
    early.report(HALF_WAY)
    beats.beat_due()
    assert late.await_first_beat(0), "a new run"
    assert store.task("t1").progress != HALF_WAY, "its news comes half a second after its last beat"
    clock.now_s += 0.45
    beats.beat_due()
    assert store.task("t1").progress == HALF_WAY


def test_each_run_gets_its_own_verdict(store: RecordStore, beats: BeatRuns) -> None:
    stopped, going = (beats.watch(run) for run in store.claim(count=2).runs)
    store.intake.cancel("film-a", stopped.run.task.id)
    beats.beat()
    assert (stopped.ending, going.ending) == (Ending.STOP, None)


def test_new_runs_have_beaten_when_they_are_taken_up(store: RecordStore, beats: BeatRuns) -> None:
    taken = beats.take_up(store.claim(count=2).runs)
    assert [watch.await_first_beat(0) for watch in taken] == [True, True]
