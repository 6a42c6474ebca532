"""Every move from every status, through the table of `domain/task.py` and through the scripts that carry it out."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import pytest
import redis
from record_store import DONE, FAILURE, RecordStore, new_task, open_store

from orchestrator.domain.errors import IllegalMove, StaleRun
from orchestrator.domain.part import Slice
from orchestrator.domain.retry import Again, GiveUp
from orchestrator.domain.task import MOVES, Move, Run, Status, allows
from orchestrator.ports.claims import Beat, Verdict

LEASE_S = 4
AGAIN = Again(after_s=1, counts=True)


@dataclass
class Subject:
    """One task and the token of its latest run."""

    store: RecordStore
    run: Run

    @property
    def status(self) -> Status:
        return self.store.task("t").status

    def crash(self) -> None:
        """The run beats and is never heard of again."""
        self.store.tick()
        self.store.claims.beat([Beat(self.run)])
        self.store.tick(2 * LEASE_S)

    def share(self) -> None:
        """The task that it follows succeeds."""
        if self.store.task("leader").status is Status.QUEUED:
            self.run = self.store.claim_one()
        if self.store.task("leader").status is Status.RUNNING:
            self.store.claims.finish(self.run, DONE)

    def join(self) -> None:
        """Its only part is done."""
        self.store.claims.finish(self.store.claim_one(), DONE)

    def claim(self) -> None:
        for run in self.store.claim(lane=self.store.task("t").waits_in).runs:
            self.run = run


def submitted(store: RecordStore, *, start_by_s: float | None = None, follows: bool = False) -> Subject:
    """A queued task; its token is one that nobody was ever given."""
    task = new_task("t", start_by_s=start_by_s)
    store.submit(*(replace(each, content="same") for each in (new_task("leader"), task)) if follows else (task,))
    return Subject(store, Run(store.task("t"), 1, "run-0", "worker-1"))


def run_it(subject: Subject) -> None:
    subject.claim()


def request_cancel(subject: Subject) -> None:
    subject.claim()
    subject.store.intake.cancel("film-a", "t")


def crash_twice(subject: Subject) -> None:
    for _ in range(2):
        subject.claim()
        subject.crash()
    subject.claim()


def succeed(subject: Subject) -> None:
    subject.claim()
    subject.store.claims.finish(subject.run, DONE)


def give_up(subject: Subject) -> None:
    subject.claim()
    subject.store.claims.fail(subject.run, FAILURE, decision=GiveUp())


def cancel(subject: Subject) -> None:
    subject.store.intake.cancel("film-a", "t")


def plan(subject: Subject) -> None:
    subject.claim()
    subject.store.claims.plan(subject.run, [Slice({}, 1.0)])


STARTS: Mapping[str, Callable[[Subject], None]] = {
    "queued": lambda _: None,
    "running": run_it,
    "canceling": request_cancel,
    "crashing": crash_twice,
    "succeeded": succeed,
    "failed": give_up,
    "canceled": cancel,
    "planned": plan,  # it has no run: `test_parts.py` says what else becomes of it
}

ACTIONS: Mapping[Move, Callable[[Subject], object]] = {
    Move.CLAIM: Subject.claim,
    Move.RETRY: lambda on: on.store.claims.fail(on.run, FAILURE, decision=AGAIN),
    Move.RELEASE: lambda on: on.store.claims.release(on.run),
    Move.LAPSE: Subject.crash,
    Move.FINISH: lambda on: on.store.claims.finish(on.run, DONE),
    Move.FAIL: lambda on: on.store.claims.fail(on.run, FAILURE, decision=GiveUp()),
    Move.STOP: lambda on: on.store.claims.stop(on.run),
    Move.EXPIRE: lambda on: on.store.tick(LEASE_S // 2),
    Move.CANCEL: cancel,
    Move.RESUBMIT: lambda on: on.store.intake.resubmit("film-a", "t", generation=1),
    Move.SHARE: Subject.share,
    Move.JOIN: Subject.join,
}
PAIRS = [(start, move) for start in STARTS for move in Move if (start == "planned") is (move is Move.JOIN)]

# Changes that are no move: a running task is asked to stop, a lease is renewed, an attempt was counted.
ASKS = {("running", Move.CANCEL), ("crashing", Move.CANCEL)}


def attempt(url: str, start: str, *, move: Move) -> tuple[Status, Status, bool]:
    """The status before and after ``move`` was tried, and whether anything at all was written."""
    with redis.Redis.from_url(url) as client:
        client.flushall()
    with open_store(url, lease_ms=1_000 * LEASE_S) as store:
        # A deadline is over after a second, when a lease is not.
        start_by_s = 1 if move is Move.EXPIRE else None
        subject = submitted(store, start_by_s=start_by_s, follows=move is Move.SHARE)
        STARTS[start](subject)
        before, dump = subject.status, store.dump()
        try:
            ACTIONS[move](subject)
        except (StaleRun, IllegalMove):
            assert store.dump() == dump, "what is refused changes nothing"
        return before, subject.status, store.dump() != dump


@pytest.mark.parametrize(("start", "move"), PAIRS)
def test_a_script_moves_a_task_exactly_when_the_table_allows_it(redis_url: str, start: str, move: Move) -> None:
    before, after, has_changed = attempt(redis_url, start, move=move)
    if allows(before, move):
        assert move in MOVES[before, after]
    else:
        assert after is before
        # The last run's own ending, said again, is not an offence; nothing else may leave a trace.
        assert not has_changed or (start, move) in ASKS or move is Move.SHARE  # the leader goes on without it


def test_every_move_of_the_table_happens(redis_url: str) -> None:
    seen: dict[tuple[Status, Status], set[Move]] = defaultdict(set)
    for start, move in PAIRS:
        before, after, _ = attempt(redis_url, start, move=move)
        if after is not before:
            seen[before, after].add(move)
    assert seen == MOVES


def test_the_run_id_fences_where_the_epoch_is_the_same(redis_url: str) -> None:
    """An epoch is given out again after a failover to a replica that had not heard of the claim."""
    with open_store(redis_url) as store:
        subject = submitted(store)
        subject.claim()
        other = replace(subject.run, run_id="run-of-the-lost-claim")
        with pytest.raises(StaleRun):
            store.claims.finish(other, DONE)
        assert store.claims.beat([Beat(other)]) == [Verdict.LOST]
        store.claims.finish(subject.run, DONE)
