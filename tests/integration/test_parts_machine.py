"""Anything may happen to a task in parts, in any order: it and its parts never contradict each other."""

import os
from collections.abc import Callable
from functools import partial

import pytest
from broken_store import carry_out
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from record_store import DONE, FAILURE, LEASE_MS, RecordStore, new_task, no_fsync, open_store, walk

from orchestrator.domain.errors import StaleRun
from orchestrator.domain.part import Slice
from orchestrator.domain.retry import Again, GiveUp
from orchestrator.domain.task import Progress, Run, Status, Task
from orchestrator.ports.claims import Beat, Verdict

DECISIONS = st.sampled_from([Again(after_s=1, counts=True), GiveUp()])
CUTS = st.lists(st.sampled_from("abc"), min_size=1, max_size=4)
EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "0"))  # `make chaos-long` asks for many, and for others each time
OPEN = {Status.QUEUED, Status.RUNNING}


class PartsMachine(RuleBasedStateMachine):
    """One film, and runs that end in every way, also after they were lost."""

    url = ""

    @initialize(cut=CUTS)
    def begin(self, cut: list[str]) -> None:
        self.opened = open_store(self.url)
        self.store: RecordStore = self.opened.__enter__()
        carry_out(self.store, "FLUSHALL")
        self.store.submit(new_task("film"))
        self.runs: list[Run] = [self.store.claim_one()]
        self.tokens: set[tuple[str, int]] = set()
        self.store.claims.plan(self.runs[0], [Slice({"reel": reel}, 1.0) for reel in cut])

    def teardown(self) -> None:
        """In the end every index says what the records say."""
        finds = walk(self.store, limit=500)
        self.opened.__exit__(None, None, None)
        assert finds == set()

    @property
    def task(self) -> Task:
        return self.store.task("film")

    def parts(self) -> tuple[Task, ...]:
        return self.store.claims.parts(Run(self.task, 1, "", ""))

    def is_planned(self) -> bool:
        return self.task.status is Status.RUNNING and not self.task.run_id

    @rule(count=st.integers(1, 3), lane=st.sampled_from(["io", "io", "io.solo"]))
    def claim(self, count: int, lane: str) -> None:
        for run in self.store.claim(count=count, lane=lane).runs:
            token = (run.task.id, run.epoch)
            assert token not in self.tokens, "nobody else has had this epoch"
            self.tokens.add(token)
            self.runs = [run, *self.runs][:6]

    @rule(hows=st.lists(st.sampled_from(["finish", "finish", "finish", "release", "fail"]), min_size=1, max_size=4))
    def work(self, hows: list[str]) -> None:
        """Runs of parts that nothing gets in the way of, one after the other."""
        for how in hows:
            self.claim(1, "io")
            if self.runs[0].task.part_of:
                self.end_run(self.runs[0], how, decision=Again(after_s=1, counts=False))

    @rule(cut=CUTS, decision=DECISIONS, is_joining=st.booleans())
    def go_on(self, cut: list[str], decision: Again | GiveUp, *, is_joining: bool) -> None:
        """What a worker does with the task itself: it plans, or it joins what is done, and here fails at that."""
        claims = self.store.claims
        for run in (run for run in self.runs if not run.task.part_of):
            if is_joining and all(part.status is Status.SUCCEEDED for part in claims.parts(run)):
                self.say(partial(claims.fail, run, FAILURE, decision=decision))
            elif self.say(partial(claims.plan, run, [Slice({"reel": reel}, 1.0) for reel in cut])) and self.parts():
                assert [part.input["reel"] for part in self.parts()] == cut

    @rule(how=st.sampled_from(["finish", "finish", "fail", "release", "stop"]), decision=DECISIONS, data=st.data())
    def end(self, how: str, *, decision: Again | GiveUp, data: st.DataObject) -> None:
        self.end_run(data.draw(st.sampled_from(self.runs)), how, decision=decision)

    def end_run(self, run: Run, how: str, *, decision: Again | GiveUp) -> None:
        claims = self.store.claims
        if how == "stop" and claims.beat([Beat(run)]) == [Verdict.STOP]:
            self.say(partial(claims.stop, run))
        elif how == "fail":
            self.say(partial(claims.fail, run, FAILURE, decision=decision))
        elif how == "release":
            self.say(partial(claims.release, run))
        elif run.task.part_of:
            self.say(partial(claims.finish, run, DONE))

    def say(self, commit: Callable[[], None]) -> bool:
        """Whether it was news: whoever is lost, or says it again, changes nothing."""
        before = self.store.dump()
        try:
            commit()
        except StaleRun:
            assert self.store.dump() == before
        return self.store.dump() != before

    @rule(fraction=st.floats(0.0, 1.0), data=st.data())
    def beat(self, fraction: float, data: st.DataObject) -> None:
        run = data.draw(st.sampled_from(self.runs))
        self.store.claims.beat([Beat(run, Progress("infer", fraction, 1, 2))])

    @rule(seconds=st.sampled_from([1, 2 * LEASE_MS // 1000]))
    def pass_time(self, seconds: int) -> None:
        self.store.tick(seconds)

    @rule(is_meant=st.integers(0, 4).map(lambda number: number == 4))
    def cancel(self, *, is_meant: bool) -> None:
        if is_meant:
            self.store.intake.cancel("film-a", "film")

    @precondition(lambda self: self.task.status in {Status.FAILED, Status.CANCELED})
    @rule()
    def resubmit(self) -> None:
        self.store.intake.resubmit("film-a", "film", generation=self.task.generation)

    @invariant()
    def it_waits_for_what_is_not_done_and_for_nothing_else(self) -> None:
        undone = [part for part in self.parts() if part.status in OPEN]
        assert bool(undone) is self.is_planned()

    @invariant()
    def it_has_not_ended_well_without_a_part(self) -> None:
        if self.task.status is Status.QUEUED and self.task.generation == 1 and self.parts():
            assert {part.status for part in self.parts()} == {Status.SUCCEEDED}

    @invariant()
    def progress_is_between_nothing_and_all(self) -> None:
        assert 0.0 <= self.task.progress.fraction <= 1.0


@pytest.mark.timeout(3_600)
def test_whatever_happens_to_a_film_in_parts(redis_url: str) -> None:
    class Machine(PartsMachine):
        url = redis_url

    pace = settings(max_examples=EXAMPLES or 30, stateful_step_count=30, deadline=None, derandomize=not EXAMPLES)
    with no_fsync(redis_url):
        run_state_machine_as_test(Machine, settings=pace)
