"""Where `integration/test_claims_machine.py` plays: the store, its model beside it, and what must always hold."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pytest
import servers
from claims_model import READ_STATE, Grace, Known, assert_story_is_legal, expected_indexes, without_tags
from hypothesis.stateful import RuleBasedStateMachine, invariant
from record_store import RETENTION_MS, START_MS, RecordStore
from repeated_scripts import RepeatedScripts

from orchestrator.adapters.redis.records import pairs, parse_task
from orchestrator.domain.errors import TaskNotFound
from orchestrator.domain.task import MOVES, Progress, Run
from orchestrator.ports.claims import Beat, Verdict

LEASE_MS = 4_000
WEIGHTS = {"film-b": 2}
HALF = Progress("infer", 0.5, 1, 2)
FAIR_QUEUE = """
    local turn = redis.call('ZRANGE', 'orch:turn:' .. ARGV[1], 0, -1, 'WITHSCORES')
    return cjson.encode({turn, redis.call('GET', 'orch:clock:' .. ARGV[1]) or '0'})
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
        self.node.scripts.now_ms, self.node.scripts.lost_every = START_MS, lost_every
        self.store = RecordStore(self.node.scripts, LEASE_MS)
        self.tasks: dict[str, Known] = {}
        self.held_back: set[str] = set()
        self.grace = Grace(LEASE_MS)
        self.made = self.restarts = 0
        self.send("FLUSHALL")
        for project, weight in WEIGHTS.items():
            self.send("HSET", f"orch:project:{project}", "weight", weight)
        self.tick()

    @invariant()
    def the_store_is_what_the_model_says(self) -> None:
        indexes, records = json.loads(self.store.client.eval(READ_STATE, 0))
        expected = expected_indexes(self.tasks.values())
        assert without_tags({key: frozenset(ids) for key, ids in indexes.items()}, expected) == expected
        assert records.keys() == self.tasks.keys()
        for task_id, flat in records.items():
            self.tasks[task_id].assert_is(parse_task(pairs(flat)))

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
        self.send("DEL", "orch:held_back", *(f"orch:project:{project}" for project in WEIGHTS))
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
        self.store.pass_time(RETENTION_MS)
        assert {swept.task_id for swept in self.store.upkeep.condemn(limit=1_000)} == ended
        for task_id in list(self.tasks):
            self.store.upkeep.purge(task_id)  # one that was not condemned is left alone
        self.tasks = {task_id: known for task_id, known in self.tasks.items() if task_id not in ended}

    def send(self, *words: object) -> None:
        """A command that is not a script's."""
        self.store.client.eval("redis.call(unpack(ARGV))", 0, *map(str, words))

    def fair_queue(self, lane: str) -> tuple[dict[str, float], float]:
        """The tags of its projects, and its clock."""
        turn, clock = json.loads(self.store.client.eval(FAIR_QUEUE, 0, lane))
        flat = list(turn)
        return dict(zip(flat[::2], map(float, flat[1::2]), strict=True)), float(clock)

    def lose_an_entry(self, pick: int) -> None:
        """An index forgets one of its tasks, projects, models or lanes."""
        kept = sorted(
            (key, member)
            for key, members in expected_indexes(self.tasks.values()).items()
            if not key.startswith(("orch:run:", "orch:idem:"))
            for member in members
        )
        key, member = kept[pick % len(kept)]
        is_set = key.startswith(("orch:held:", "orch:models:", "orch:lanes"))
        self.send("SREM" if is_set else "ZREM", key, member)
        if key == "orch:leases":
            self.tasks[member].lease_ends_ms = self.now_ms + LEASE_MS  # audit gives it one more lease

    def one_of(self, tasks: Iterable[Known], pick: int) -> Known:
        choices = list(tasks)
        return choices[pick % len(choices)]

    def one_running(self, pick: int) -> tuple[Known, Run]:
        known = self.one_of((known for known in self.tasks.values() if known.run), pick)
        assert known.run is not None
        return known, known.run
