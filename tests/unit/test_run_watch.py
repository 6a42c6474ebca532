"""What a run and the beat thread tell one another, and the token by which a run hears that it must stop."""

import threading
from dataclasses import replace
from functools import partial

import pytest

from orchestrator.domain.errors import RunCanceled
from orchestrator.domain.task import Priority, Progress, Run, Status, Task
from orchestrator.pipelines.pipeline import CancelToken
from orchestrator.pipelines.run_watch import Ending, RunWatch
from orchestrator.ports.claims import Verdict

TASK = Task(
    id="t",
    project="film-a",
    type="system.echo",
    lane="io",
    model="echo",
    status=Status.RUNNING,
    priority=Priority.NORMAL,
    generation=1,
    epoch=1,
    input={},
    params={},
    labels={},
    created_at_ms=0,
    updated_at_ms=0,
    predicted_s=1,
)


@pytest.fixture
def watch() -> RunWatch:
    return RunWatch(Run(TASK, 1, "run-1", "worker-1"))


class TestRunWatch:
    def test_the_next_beat_takes_the_latest_progress_once(self, watch: RunWatch) -> None:
        latest = Progress(stage="infer", done=2, total=3)
        watch.report(replace(latest, done=1))
        watch.report(latest)
        assert watch.take_progress() == latest
        assert watch.take_progress() is None

    def test_nothing_may_be_done_before_the_store_has_heard_of_the_run(self, watch: RunWatch) -> None:
        assert not watch.await_first_beat(0)
        watch.hear(Verdict.GO_ON)
        assert watch.await_first_beat(0)
        assert watch.ending is None
        watch.cancel.raise_if_canceled()

    @pytest.mark.parametrize(("verdict", "ending"), [(Verdict.STOP, Ending.STOP), (Verdict.LOST, Ending.LOST)])
    def test_a_verdict_ends_the_run(self, watch: RunWatch, verdict: Verdict, ending: Ending) -> None:
        watch.hear(verdict)
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
