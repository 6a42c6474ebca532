"""What a run and the beat thread tell one another, and the token by which a run hears that it must stop."""

import threading
from dataclasses import replace
from functools import partial

import pytest
from run_room import HandClock
from running_task import RUN

from orchestrator.domain.errors import RunCanceled
from orchestrator.domain.task import Progress
from orchestrator.pipelines.pipeline import CancelToken
from orchestrator.pipelines.run_log import MOST_LINES
from orchestrator.pipelines.run_watch import Ending, RunWatch
from orchestrator.ports.claims import Verdict

HALF = Progress("infer", 0.5, 1, 2)


@pytest.fixture
def watch() -> RunWatch:
    return RunWatch(RUN)


class TestRunWatch:
    def test_the_next_beat_takes_the_latest_progress_once(self, watch: RunWatch) -> None:
        latest = Progress(stage="infer", done=2, total=3)
        watch.report(replace(latest, done=1))
        watch.report(latest)
        assert watch.take_beat(1.0).progress == latest
        assert watch.take_beat(1.0).progress is None

    def test_news_leaves_at_once_and_then_twice_a_second(self) -> None:
        woken: list[float] = []
        clock = HandClock(now_s=100.0)
        watch = RunWatch(RUN, now_s=clock.monotonic_s, wake=lambda: woken.append(clock.now_s))
        assert watch.next_beat_s(100.0) == 100.0, "the first beat does not wait"
        watch.take_beat(1.0)
        watch.report(HALF)
        assert (woken, watch.next_beat_s(100.0)) == ([], 100.5)
        clock.now_s = 100.5
        assert watch.take_beat(1.0).progress == HALF
        clock.now_s = 101.2
        assert watch.next_beat_s(101.2) == 101.5, "nothing is new: it beats as the period wants"
        watch.log("shots.found", shots=3)
        assert woken == [101.2]
        assert watch.next_beat_s(101.2) <= 101.2

    def test_what_nobody_heard_is_said_again(self) -> None:
        clock = HandClock(now_s=100.0)
        watch = RunWatch(RUN, now_s=clock.monotonic_s)
        watch.report(HALF)
        watch.log("shots.found", shots=3)
        lost = watch.take_beat(1.0)
        watch.take_back(lost)
        clock.now_s = 102.0
        again = watch.take_beat(1.0)
        assert again.progress == HALF
        assert [(said.number, said.ago_s) for said in again.lines] == [(1, 2.0)]
        watch.hear(Verdict.GO_ON, again)
        assert watch.take_beat(1.0).lines == ()

    def test_a_log_is_bounded_and_plain(self, watch: RunWatch) -> None:
        for number in range(MOST_LINES + 5):
            watch.log("frame.done", number=number, name="a\nb" + "x" * 500)
        lines = watch.log.unheard()
        assert [said.number for said in lines] == list(range(1, MOST_LINES + 1))
        assert lines[-1].line.event == "log.full"
        assert lines[0].line.fields["name"] == "a?b" + "x" * 197
        with pytest.raises(ValueError, match="is no line"):
            watch.log("Something happened")

    def test_nothing_may_be_done_before_the_store_has_heard_of_the_run(self, watch: RunWatch) -> None:
        assert not watch.await_first_beat(0)
        watch.hear(Verdict.GO_ON, watch.take_beat(1.0))
        assert watch.await_first_beat(0)
        assert watch.ending is None
        watch.cancel.raise_if_canceled()

    @pytest.mark.parametrize(("verdict", "ending"), [(Verdict.STOP, Ending.STOP), (Verdict.LOST, Ending.LOST)])
    def test_a_verdict_ends_the_run(self, watch: RunWatch, verdict: Verdict, ending: Ending) -> None:
        watch.hear(verdict, watch.take_beat(1.0))
        assert watch.ending is ending
        assert watch.cancel.is_canceled
        assert watch.await_first_beat(0)

    @pytest.mark.parametrize("first", [Ending.STOP, Ending.RELEASE, Ending.TIMEOUT])
    @pytest.mark.parametrize("second", Ending)
    def test_the_first_ending_stands_but_for_lost(self, watch: RunWatch, first: Ending, second: Ending) -> None:
        watch.end(first)
        watch.end(second)
        assert watch.ending is (Ending.LOST if second is Ending.LOST else first)

    @pytest.mark.parametrize("later", Ending)
    def test_lost_stays_lost(self, watch: RunWatch, later: Ending) -> None:
        watch.end(Ending.LOST)
        watch.end(later)
        assert watch.is_lost


class TestCancelToken:
    def test_callbacks_run_once_newest_first(self) -> None:
        token = CancelToken()
        called: list[str] = []
        for name in ("first", "second", "third"):
            token.on_cancel(partial(called.append, name))
        token.cancel()
        assert called == ["third", "second", "first"]

    def test_a_second_cancel_calls_nothing_again(self) -> None:
        token, called = CancelToken(), []
        token.on_cancel(lambda: called.append("once"))
        token.cancel()
        token.cancel()
        assert called == ["once"]

    def test_a_callback_that_comes_late_runs_at_once(self) -> None:
        token, called = CancelToken(), []
        token.cancel()
        token.on_cancel(lambda: called.append("late"))
        assert called == ["late"]

    def test_a_callback_that_was_taken_back_does_not_run(self) -> None:
        token, called = CancelToken(), []
        take_back = token.on_cancel(lambda: called.append("never"))
        take_back()
        token.cancel()
        assert called == []

    def test_a_wait_ends_when_canceled(self) -> None:
        token, waited = CancelToken(), threading.Event()

        def wait() -> None:
            with pytest.raises(RunCanceled):
                token.wait(60)
            waited.set()

        waiter = threading.Thread(target=wait)
        waiter.start()
        token.cancel()
        waiter.join(10)
        assert waited.is_set()

    def test_a_wait_that_nobody_cancels_returns(self) -> None:
        CancelToken().wait(0)
