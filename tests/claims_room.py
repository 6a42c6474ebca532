"""Where `integration/test_claims_machine.py` plays: the store, its model beside it, and what must always hold."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
import servers
from claims_grace import Grace
from claims_indexes import (
    READ_STATE,
    READ_SUMS,
    SETS,
    assert_story_is_legal,
    expected_indexes,
    expected_sums,
    parked_at_quota,
    without_tags,
)
from claims_model import Known, rank_of
from claims_owners import MODELS, Owners
from claims_routes import expected_placement
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant
from record_store import RETENTION_MS, START_MS, RecordStore, new_task
from repeated_scripts import RepeatedScripts

from orchestrator.adapters.redis.projects import RedisProjects
from orchestrator.adapters.redis.records import pairs, parse_task
from orchestrator.domain.errors import TaskNotFound
from orchestrator.domain.pause import Pausable
from orchestrator.domain.task import MOVES, NewTask, Priority, Progress, Run, Status
from orchestrator.ports.claims import Beat, Verdict

LEASE_MS = 4_000
PROJECTS = ["film-a", "film-b", "film-c"]
WEIGHTS = {"film-b": 2}
MAX_RUNNING = {"film-c": 2, "film-b": 3}
MAX_QUEUED = {"film-c": 4}
STORED_BYTES = 100
OUTLIVE_TASKS = {"clock", "idem", "pace", "pinned", "project", "projects"}
LANES = ["io", "image"]
TYPES = ["system.echo", "image.upscale"]
PAUSABLE = ["lane:io", "lane:image", "project:film-a", "project:film-c", "type:system.echo", "model:other"]
TASK = st.fixed_dictionaries(
    {
        "project": st.sampled_from(PROJECTS),
        "lane": st.sampled_from(LANES),
        "model": st.sampled_from(MODELS),
        "type": st.sampled_from(TYPES),
        "predicted_s": st.sampled_from([0.5, 1.0, 4.0]),
        "priority": st.sampled_from(Priority),
        "start_by_s": st.sampled_from([None, None, None, 2.0]),
        "content": st.sampled_from(["", "", "same", "other"]),
    }
)
HALF = Progress("infer", 0.5, 1, 2)
FAIR_QUEUE = """
    local turn = redis.call('ZRANGE', 'orch:turn:' .. ARGV[1], 0, -1, 'WITHSCORES')
    local kept = redis.call('ZRANGE', 'orch:tags:' .. ARGV[1], 0, -1, 'WITHSCORES')
    return cjson.encode({turn, kept, redis.call('GET', 'orch:clock:' .. ARGV[1]) or '0'})
"""


@dataclass
class Node:
    """A store that can be killed, and the scripts that run on it."""

    server: servers.Valkey
    scripts: RepeatedScripts


class ClaimsRoom(RuleBasedStateMachine):
    """No rules yet: a store that is empty at first, the model of it, and the invariants."""

    node: Node

    def open(self, lost_every: int) -> None:
        self.node.scripts.now_ms, self.node.scripts.lost_every = START_MS, 0
        self.store = RecordStore(self.node.scripts, LEASE_MS)
        self.tasks: dict[str, Known] = {}
        self.keyed: dict[str, NewTask] = {}  # by their keys, forgotten or not: a key outlives its task
        self.contents: dict[tuple[str, str], Known] = {}
        self.owners = Owners(self.store)
        self.paused: set[str] = set()
        self.pools: dict[str, str] = {}
        self.grace = Grace(LEASE_MS)
        self.made = self.restarts = 0
        self.send("FLUSHALL")
        self.projects = RedisProjects(self.node.scripts)
        for project in PROJECTS:
            self.projects.ensure(project)
        for name, values in {"weight": WEIGHTS, "max_running": MAX_RUNNING, "max_queued": MAX_QUEUED}.items():
            for project, value in values.items():
                self.send("HSET", f"orch:project:{project}", name, value)
        self.node.scripts.lost_every = lost_every
        self.tick()

    @invariant()
    def the_store_is_what_the_model_says(self) -> None:
        indexes, records = json.loads(self.store.client.eval(READ_STATE, 0))
        expected = expected_indexes(self.tasks.values())
        found = {key: frozenset(ids) for key, ids in indexes.items()}
        expected = {**expected, **self.keys()}
        assert without_tags(found, expected) == expected
        assert all(self.running(project) == MAX_RUNNING[project] for project in parked_at_quota(found))
        assert records.keys() == self.tasks.keys()
        for task_id, flat in records.items():
            self.tasks[task_id].assert_is(parse_task(pairs(flat)))

    @invariant()
    def what_may_be_asked_follows_from_what_lies_where(self) -> None:
        self.owners.assert_is_what_is_asked()

    @invariant()
    def every_sum_is_that_of_its_parts(self) -> None:
        sums = dict(json.loads(self.store.client.eval(READ_SUMS, 0)))
        expected = expected_sums(self.tasks.values(), STORED_BYTES)
        assert {what: value for what, value in sums.items() if value} == expected

    def keys(self) -> dict[str, frozenset[str]]:
        """The indexes of Idempotency-Keys and contents."""
        keyed = {f"orch:idem:{new.project}:{key}": frozenset({new.id}) for key, new in self.keyed.items()}
        shared = {
            f"orch:content:{project}:{content}": frozenset({known.new.id})
            for (project, content), known in self.contents.items()
        }
        return keyed | shared

    def teardown(self) -> None:
        """Once everything has ended and is forgotten, the store is as empty as it was."""
        for known in self.tasks.values():
            assert_story_is_legal(self.store, known.new.id, moves=MOVES)
            self.store.intake.cancel(known.new.project, known.new.id)
            if known.run:
                self.store.claims.stop(known.run)
        self.store.pass_time(RETENTION_MS + 1)  # a leader is kept for a moment longer
        self.store.upkeep.condemn(limit=1_000)
        for known in self.tasks.values():
            self.store.upkeep.purge(known.new.id)
            with pytest.raises(TaskNotFound):
                self.store.task(known.new.id, known.new.project)
        for what in self.paused:
            self.store.pauses.resume(Pausable.parse(what), as_operator=True)
        self.owners.leave()
        remembered = json.loads(self.store.client.eval("return cjson.encode(redis.call('KEYS', 'orch:[cip]*'))", 0))
        assert {key.split(":")[1] for key in remembered} <= OUTLIVE_TASKS
        self.send("DEL", "orch:retention", *remembered)
        assert json.loads(self.store.dump()) in ({}, [])

    @property
    def now_ms(self) -> int:
        return self.store.now_ms

    def tick(self) -> None:
        """A reconcile, and what the keeper must have done by its end."""
        self.store.tick()
        self.grace.sign_of_life(self.now_ms)
        for known in self.tasks.values():
            known.passed_time(self.now_ms, in_grace=self.now_ms < self.grace.ends_ms)

    def send_beats(self, runs: Sequence[Run]) -> list[Verdict]:
        """All from one process. A beat is a sign that the store lives, whatever it says of the runs."""
        verdicts = self.store.claims.beat([Beat(run, HALF) for run in runs])
        self.grace.sign_of_life(self.now_ms, is_beat=True)
        return verdicts

    def sweep(self) -> None:
        """The retention passes; what had ended before is forgotten, and nothing else."""
        ended = {known.new.id for known in self.tasks.values() if known.status.is_terminal}
        self.store.pass_time(RETENTION_MS + 1)
        assert {swept.task_id for swept in self.store.upkeep.condemn(limit=1_000)} == ended
        for task_id in list(self.tasks):
            self.store.upkeep.purge(task_id)  # one that was not condemned is left alone
        self.tasks = {task_id: known for task_id, known in self.tasks.items() if task_id not in ended}
        for subject in [subject for subject, known in self.contents.items() if known.new.id in ended]:
            del self.contents[subject]

    def send(self, *words: object) -> None:
        """A command that is not a script's."""
        self.store.client.eval("redis.call(unpack(ARGV))", 0, *map(str, words))

    def assert_is_placed(self, run: Run) -> None:
        """Before the model of the store knows of it."""
        pins = [known.run.placement for known in self.tasks.values() if known.run and known.run.placement]
        assert run.placement == expected_placement(self.owners.lines(run.task.model), run.task.id, pins=pins)

    def fair_queue(self, lane: str) -> tuple[dict[str, float], dict[str, float], float]:
        """The tags of its projects, those that are kept beside the turn, and its clock."""
        turn, kept, clock = json.loads(self.store.client.eval(FAIR_QUEUE, 0, lane))
        return _floats(list(turn)), _floats(list(kept)), float(clock)

    def running(self, project: str) -> int:
        return sum(known.run is not None for known in self.tasks.values() if known.new.project == project)

    def queued(self, project: str) -> int:
        of_it = [known for known in self.tasks.values() if known.new.project == project]
        return sum(known.status is Status.QUEUED or known.is_following for known in of_it)

    def is_full(self, project: str, *, beside: int = 0) -> bool:
        """Whether nothing more may be queued, when so many are already that nobody knows of yet."""
        return self.queued(project) + beside >= MAX_QUEUED.get(project, 1_000)

    def named(self, fields: dict[str, Any], *, has_key: bool = False) -> NewTask:
        self.made += 1
        key = f"k{self.made}" if has_key else None
        return replace(new_task(f"t{self.made:03}"), **fields, idempotency_key=key, answer=f"said to {key}")

    def recorded(self, new: NewTask) -> None:
        """The store has it now."""
        self.keyed |= {new.idempotency_key: new} if new.idempotency_key else {}
        start_by_ms = int(self.now_ms + new.start_by_s * 1000) if new.start_by_s else None
        rank, served = rank_of(new, now_ms=self.now_ms), self.owners.served
        known = Known(new, rank, self.pools, served, start_by_ms, contents=self.contents)
        self.tasks[new.id] = known
        known.entered()

    def rooms(self) -> dict[str, int]:
        """How many more may run, of projects with such a quota."""
        return {project: most - self.running(project) for project, most in MAX_RUNNING.items()}

    def lose_an_entry(self, pick: int) -> None:
        """An index forgets a task, project, model or lane; not `orch:strays`, which what was looked at leaves, too."""
        kept = sorted(
            (key, member)
            for key, members in expected_indexes(self.tasks.values()).items()
            if not key.startswith(("orch:run:", "orch:strays"))
            for member in members
        )
        key, member = kept[pick % len(kept)]
        self.send("SREM" if key.startswith(SETS) else "ZREM", key, member)
        if key == "orch:leases":
            self.tasks[member].lease_ends_ms = self.now_ms + LEASE_MS  # audit gives it one more lease

    def one_of(self, tasks: Iterable[Known], pick: int) -> Known:
        choices = list(tasks)
        return choices[pick % len(choices)]

    def one_running(self, pick: int) -> tuple[Known, Run]:
        known = self.one_of((known for known in self.tasks.values() if known.run), pick)
        assert known.run is not None
        return known, known.run


def _floats(flat: list[str]) -> dict[str, float]:
    return dict(zip(flat[::2], map(float, flat[1::2]), strict=True))
