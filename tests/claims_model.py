"""What the state machine of `integration/test_claims_machine.py` expects of the record, kept in plain Python."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from record_store import RecordStore

from orchestrator.domain.task import NewTask, Run, Status, solo_lane

Indexes = Mapping[str, frozenset[str]]

GAPS_IN_A_ROW = 10  # that only ticks have ended; then it is the ticks that are slow


@dataclass
class Known:
    """One task as it should be."""

    new: NewTask
    start_by_ms: int | None = None
    status: Status = Status.QUEUED
    generation: int = 1
    epoch: int = 0
    crashes: int = 0
    due_ms: int | None = None
    lease_ends_ms: int = 0
    ended_ms: int = 0
    is_canceling: bool = False
    has_beaten: bool = False
    run: Run | None = None
    past_runs: list[tuple[Run, str]] = field(default_factory=list)  # with the word of what ended each

    @property
    def is_ready(self) -> bool:
        return self.status is Status.QUEUED and self.due_ms is None

    @property
    def waits_in(self) -> str:
        """Once crashed, a task waits where each runs alone, until it has ended."""
        return solo_lane(self.new.lane) if self.crashes else self.new.lane

    def claimed(self, run: Run, *, lease_ends_ms: int) -> None:
        assert self.is_ready
        assert run.epoch == self.epoch + 1, "epochs grow by one with every run"
        self.status, self.epoch, self.run, self.has_beaten = Status.RUNNING, run.epoch, run, False
        self.lease_ends_ms, self.start_by_ms = lease_ends_ms, None

    def queued(self, how: str, *, now_ms: int, due_ms: int | None = None) -> None:
        """The run is over and the task is tried again, unless its cancel was requested."""
        if self.is_canceling:
            self.ended(Status.CANCELED, how, now_ms=now_ms)
        else:
            self._forget_run(how)
            self.status, self.due_ms = Status.QUEUED, due_ms

    def ended(self, status: Status, how: str, *, now_ms: int) -> None:
        self._forget_run(how)
        self.status, self.ended_ms, self.due_ms, self.start_by_ms = status, now_ms, None, None

    def lapsed(self, crash_limit: int, *, now_ms: int) -> None:
        self.crashes += self.has_beaten
        if self.has_beaten and self.crashes >= crash_limit and not self.is_canceling:
            self.ended(Status.FAILED, "lapse", now_ms=now_ms)
        else:
            self.queued("lapse", now_ms=now_ms)

    def resubmitted(self) -> None:
        self.status, self.generation, self.crashes = Status.QUEUED, self.generation + 1, 0
        self.is_canceling = False

    def _forget_run(self, how: str) -> None:
        if self.run is not None:
            self.past_runs.append((self.run, how))
        self.run = None


@dataclass
class Grace:
    """When silence proves nothing: for one lease after a gap in which neither a tick nor a beat got through."""

    lease_ms: int
    alive_ms: int = 0
    ends_ms: int = 0
    gaps: int = 0

    def sign_of_life(self, now_ms: int, *, is_beat: bool = False) -> None:
        if now_ms - self.alive_ms > max(2_000, self.lease_ms / 3) and self.gaps < GAPS_IN_A_ROW:
            self.gaps, self.ends_ms = self.gaps + 1, now_ms + self.lease_ms
        self.alive_ms, self.gaps = now_ms, 0 if is_beat else self.gaps


def expected_indexes(tasks: Iterable[Known]) -> Indexes:
    """Every index of invariant I1, and the fair queue's, as the tasks demand it."""
    found: dict[str, set[str]] = defaultdict(set)
    for known in tasks:
        new, lane = known.new, known.waits_in
        if known.is_ready:
            found[f"orch:ready:{lane}:{new.project}:{new.model}"].add(new.id)
            found[f"orch:models:{lane}:{new.project}"].add(new.model)
            found[f"orch:turn:{lane}"].add(new.project)
            found["orch:lanes"].add(lane)
        elif known.status is Status.QUEUED:
            found["orch:delayed"].add(new.id)
        elif known.run is not None:
            found["orch:leases"].add(new.id)
            found[f"orch:held:{known.run.owner}"].add(new.id)
            found[f"orch:run:{known.run.run_id}"].add(new.id)
        else:
            found["orch:ended"].add(new.id)
        if known.start_by_ms is not None:
            found["orch:deadlines"].add(new.id)
        found[f"orch:tasks:{new.project}"].add(new.id)
        if new.idempotency_key:
            found[f"orch:idem:{new.project}:{new.idempotency_key}"].add(new.id)
    return {key: frozenset(ids) for key, ids in found.items()}


READ_INDEXES = """
    local found = {}
    for _, key in ipairs(redis.call('KEYS', 'orch:*')) do
        local kind, prefix = redis.call('TYPE', key).ok, string.match(key, '^orch:(%a+)')
        if kind == 'zset' then found[key] = redis.call('ZRANGE', key, 0, -1)
        elseif kind == 'set' then found[key] = redis.call('SMEMBERS', key)
        elseif prefix == 'run' then found[key] = {redis.call('GET', key)}
        elseif prefix == 'idem' then found[key] = {redis.call('HGET', key, 'task')}
        elseif prefix == 'clock' then found[key] = {'a clock'} end
    end
    return cjson.encode(found)
"""
"""Lua of a test: all that is not a task's own record, events or attempts."""


def without_tags(indexes: Indexes) -> Indexes:
    """The same, after a look at the tags and clocks that only a lane with a turn may have."""
    for key, projects in indexes.items():
        kind, _, lane = key.removeprefix("orch:").partition(":")
        turn = indexes.get(f"orch:turn:{lane}")
        if kind in {"tags", "clock"}:
            assert turn, f"{key} remembers a lane in which nothing waits"
        if kind == "tags":
            assert turn is not None
            assert not projects & turn, "a project is in the turn or has a tag, never both"
    return {key: ids for key, ids in indexes.items() if not key.startswith(("orch:tags:", "orch:clock:"))}


def assert_story_is_legal(store: RecordStore, task_id: str, *, moves: Iterable[tuple[Status, Status]]) -> None:
    """The task's events, in order, tell of nothing but moves of the table."""
    events = store.reads.events(task_id)
    order = [(event.generation, event.seq) for event in events]
    assert order == sorted(set(order))
    statuses = [Status(event.type) for event in events if event.type in set(Status)]
    for step in pairwise(statuses):
        assert step in moves, f"{task_id} went from {step[0]} to {step[1]}"
