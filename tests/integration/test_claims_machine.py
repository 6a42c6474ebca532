"""Any order of calls and any passing of time, on the real scripts: the record always is what a plain model says."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from claims_model import READ_INDEXES, Grace, Known, assert_story_is_legal, expected_indexes, without_tags
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from record_store import DONE, FAILURE, RETENTION_MS, START_MS, RecordStore, new_task, open_store

from orchestrator.domain.errors import Category, IdempotencyConflict, IllegalMove, StaleRun, TaskNotFound
from orchestrator.domain.retry import POLICIES, Again, GiveUp
from orchestrator.domain.task import MOVES, Priority, Run, Status, solo_lane
from orchestrator.ports.claims import Beat, Verdict

LEASE_MS = 4_000
TICK_MS = 1_000
GAP_MS = 10_000
CRASH_LIMIT = POLICIES[Category.CRASH].tries
PICK = st.integers(0, 1_000)

COMMITS: dict[str, Callable[[RecordStore, Run], None]] = {
    "finish": lambda store, run: store.claims.finish(run, DONE),
    "fail": lambda store, run: store.claims.fail(run, FAILURE, decision=GiveUp()),
    "release": lambda store, run: store.claims.release(run),
    "stop": lambda store, run: store.claims.stop(run),
    "advance": lambda store, run: store.claims.advance(run, "infer", checkpoint={}),
}


class ClaimsMachine(RuleBasedStateMachine):
    """Clients, workers, keepers and the clock, each doing whatever comes to mind."""

    store: RecordStore

    def __init__(self) -> None:
        super().__init__()
        self.store.client.eval("redis.call('FLUSHALL')", 0)
        self.store.scripts.now_ms = START_MS
        self.tasks: dict[str, Known] = {}
        self.made = 0
        self.grace = Grace(LEASE_MS)
        self.pass_time(0)

    # Clients.

    @rule(
        project=st.sampled_from(["film-a", "film-b"]),
        model=st.sampled_from(["echo", "other"]),
        priority=st.sampled_from(Priority),
        has_key=st.booleans(),
        start_by_s=st.sampled_from([None, None, 2.0]),
    )
    def submit(self, project: str, *, model: str, priority: Priority, has_key: bool, start_by_s: float | None) -> None:
        self.made += 1
        asked = new_task(f"t{self.made:03}", project=project, start_by_s=start_by_s)
        new = replace(asked, model=model, priority=priority, idempotency_key=f"k{self.made}" if has_key else None)
        receipt = self.store.intake.submit(new)
        assert not receipt.replayed
        start_by_ms = int(self.now_ms + start_by_s * 1000) if start_by_s else None
        self.tasks[new.id] = Known(new, start_by_ms=start_by_ms)

    @rule(pick=PICK)
    @precondition(lambda self: any(known.new.idempotency_key for known in self.tasks.values()))
    def submit_again(self, pick: int) -> None:
        known = self.one_of((known for known in self.tasks.values() if known.new.idempotency_key), pick)
        receipt = self.store.intake.submit(replace(known.new, id="another"))
        assert (receipt.task.id, receipt.task.status, receipt.replayed) == (known.new.id, Status.QUEUED, True)
        with pytest.raises(IdempotencyConflict):
            self.store.intake.submit(replace(known.new, id="another", request_sha256="different"))

    @rule(pick=PICK)
    @precondition(lambda self: self.tasks)
    def cancel(self, pick: int) -> None:
        known = self.one_of(self.tasks.values(), pick)
        task = self.store.intake.cancel(known.new.project, known.new.id)
        if known.status is Status.RUNNING:
            known.is_canceling = True
        elif known.status is Status.QUEUED:
            known.ended(Status.CANCELED, "cancel", now_ms=self.now_ms)
        assert task.status is known.status

    @rule(pick=PICK, is_current=st.booleans())
    @precondition(lambda self: self.tasks)
    def resubmit(self, pick: int, *, is_current: bool) -> None:
        known = self.one_of(self.tasks.values(), pick)
        generation = known.generation if is_current else known.generation + 1
        if is_current and known.status in {Status.FAILED, Status.CANCELED}:
            self.store.intake.resubmit(known.new.project, known.new.id, generation=generation)
            known.resubmitted()
        else:
            with pytest.raises(IllegalMove):
                self.store.intake.resubmit(known.new.project, known.new.id, generation=generation)

    # Workers.

    @rule(
        count=st.integers(1, 3),
        owner=st.sampled_from(["worker-1", "worker-2"]),
        lane=st.sampled_from(["io", "io", solo_lane("io")]),
    )
    def claim(self, count: int, *, owner: str, lane: str) -> None:
        claimed = self.store.claim(count=count, owner=owner, lane=lane)
        ready = sum(known.is_ready and known.waits_in == lane for known in self.tasks.values())
        assert (len(claimed.runs), claimed.more) == (min(count, ready), ready > count)
        for run in claimed.runs:
            self.tasks[run.task.id].claimed(run, lease_ends_ms=self.now_ms + LEASE_MS)
        again = self.store.claims.claim(lane, owner, run_ids=[run.run_id for run in claimed.runs])
        assert [(run.task.id, run.epoch) for run in again.runs] == [(run.task.id, run.epoch) for run in claimed.runs]

    @rule()
    def beat(self) -> None:
        running = [known for known in self.tasks.values() if known.run]
        verdicts = self.store.claims.beat([Beat(known.run) for known in running if known.run])
        self.grace.sign_of_life(self.now_ms, is_beat=True)
        for known, verdict in zip(running, verdicts, strict=True):
            assert verdict is (Verdict.STOP if known.is_canceling else Verdict.GO_ON)
            known.has_beaten, known.lease_ends_ms = True, self.now_ms + LEASE_MS

    @rule(
        pick=PICK, how=st.sampled_from(["finish", "fail", "again", "release", "stop", "advance"]), counts=st.booleans()
    )
    @precondition(lambda self: any(known.run for known in self.tasks.values()))
    def commit(self, pick: int, *, how: str, counts: bool) -> None:
        known = self.one_of((known for known in self.tasks.values() if known.run), pick)
        assert known.run is not None
        if how == "again":
            self.store.claims.fail(known.run, FAILURE, decision=Again(after_s=2, counts=counts))
            known.queued("fail", now_ms=self.now_ms, due_ms=self.now_ms + 2_000)
            return
        COMMITS[how](self.store, known.run)
        if how == "release":
            known.queued("release", now_ms=self.now_ms)
        elif how != "advance":
            ended = {"finish": Status.SUCCEEDED, "stop": Status.CANCELED, "fail": Status.FAILED}[how]
            is_canceled = how == "fail" and known.is_canceling
            known.ended(Status.CANCELED if is_canceled else ended, how, now_ms=self.now_ms)

    @rule(pick=PICK, how=st.sampled_from(sorted(COMMITS)))
    @precondition(lambda self: any(known.past_runs for known in self.tasks.values()))
    def commit_too_late(self, pick: int, how: str) -> None:
        known = self.one_of((known for known in self.tasks.values() if known.past_runs), pick)
        run, ended_by = known.past_runs[-1] if pick % 2 else known.past_runs[0]
        is_repeated = run is known.past_runs[-1][0] and how == ended_by
        before = self.store.dump()
        if is_repeated:
            COMMITS[how](self.store, run)  # the same call again after a lost reply
        else:
            with pytest.raises(StaleRun):
                COMMITS[how](self.store, run)
        assert self.store.claims.beat([Beat(run)]) == [Verdict.LOST]
        self.grace.sign_of_life(self.now_ms, is_beat=True)
        assert self.store.dump() == before

    # Time and the keeper.

    @rule(seconds=st.integers(1, 6))
    def tick(self, seconds: int) -> None:
        for _ in range(seconds):
            self.pass_time(TICK_MS)

    @rule()
    def freeze(self) -> None:
        """Nobody ticks for longer than a lease: no healthy run may pay for that."""
        self.pass_time(GAP_MS)

    @rule()
    def sweep(self) -> None:
        """The retention passes; what had ended before is forgotten, and nothing else."""
        ended = {known.new.id for known in self.tasks.values() if known.status.is_terminal}
        self.pass_time(RETENTION_MS)
        swept = {swept.task_id for swept in self.store.upkeep.condemn(limit=1_000)}
        assert swept == ended
        for task_id in list(self.tasks):
            self.store.upkeep.purge(task_id)  # one that was not condemned is left alone
        self.tasks = {task_id: known for task_id, known in self.tasks.items() if task_id not in swept}

    @invariant()
    def indexes_are_what_the_tasks_demand(self) -> None:
        read = json.loads(self.store.client.eval(READ_INDEXES, 0))
        found = without_tags({key: frozenset(ids) for key, ids in read.items()})
        assert found == expected_indexes(self.tasks.values())

    @invariant()
    def records_are_what_the_model_says(self) -> None:
        for known in self.tasks.values():
            task = self.store.task(known.new.id, known.new.project)
            assert (task.status, task.generation, task.epoch) == (known.status, known.generation, known.epoch)
            assert task.delayed_until_ms == known.due_ms
            assert task.is_canceling == (known.is_canceling and known.status is Status.RUNNING)
            assert task.tries.get(Category.CRASH, 0) == known.crashes <= CRASH_LIMIT

    def teardown(self) -> None:
        """Once everything has ended and is forgotten, the store is as empty as it was."""
        for known in self.tasks.values():
            assert_story_is_legal(self.store, known.new.id, moves=MOVES)
            self.store.intake.cancel(known.new.project, known.new.id)
            if known.run:
                self.store.claims.stop(known.run)
        self.store.pass_time(RETENTION_MS)
        self.store.upkeep.condemn(limit=1_000)
        for known in self.tasks.values():
            self.store.upkeep.purge(known.new.id)
            with pytest.raises(TaskNotFound):
                self.store.task(known.new.id, known.new.project)
        assert json.loads(self.store.dump()) in ({}, [])

    @property
    def now_ms(self) -> int:
        return self.store.now_ms

    def pass_time(self, milliseconds: int) -> None:
        """One tick later: what the keeper must have done by then."""
        self.store.pass_time(milliseconds)
        self.store.tick()
        self.grace.sign_of_life(self.now_ms)
        for known in self.tasks.values():
            if known.run and known.lease_ends_ms <= self.now_ms and self.grace.ends_ms <= self.now_ms:
                known.lapsed(CRASH_LIMIT, now_ms=self.now_ms)
            elif known.due_ms is not None and known.due_ms <= self.now_ms:
                known.due_ms = None
            elif known.start_by_ms is not None and known.start_by_ms <= self.now_ms:
                known.ended(Status.FAILED, "expire", now_ms=self.now_ms)

    def one_of(self, tasks: Iterable[Known], pick: int) -> Known:
        choices = list(tasks)
        return choices[pick % len(choices)]


def test_the_record_is_what_a_plain_model_says(redis_url: str) -> None:
    pace = settings(
        max_examples=40,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    with open_store(redis_url, lease_ms=LEASE_MS) as opened:

        class OnThisStore(ClaimsMachine):
            store = opened

        run_state_machine_as_test(OnThisStore, settings=pace)
