"""Any order of calls and any passing of time, on the real scripts: the record always is what a plain model says."""

import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import servers
from claims_commits import COMMITS
from claims_operators import OperatedRoom
from claims_owners import INSTANCES, MODELS, READY
from claims_room import LEASE_MS, PROJECTS, TASK, WEIGHTS, Node
from claims_turn import Turn
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test
from record_store import SMALL_LOG, START_MS, is_unchanged, walk
from repeated_scripts import RepeatedScripts

from orchestrator.adapters.redis.connection import WORKER, connect
from orchestrator.domain.batch import BatchRefused, NewBatch
from orchestrator.domain.errors import Category, IdempotencyConflict, IllegalMove, StaleRun
from orchestrator.domain.model import Resident
from orchestrator.domain.overload import QuotaExceeded
from orchestrator.domain.owner import Owner
from orchestrator.domain.retry import decide
from orchestrator.domain.task import Failure, Status
from orchestrator.ports.claims import Verdict

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "0"))  # `make chaos-long` asks for many, and for others each time
OWNERS = [Owner("node-1", 1, 1), Owner("node-1", 2, 1), Owner("node-2", 1, 1)]
PICK = st.integers(0, 1_000)
FAILS = [Category.NETWORK, Category.TIMEOUT, Category.SATURATED]


class ClaimsMachine(OperatedRoom):
    """Clients, workers, keepers and the clock, each doing whatever comes to mind.

    Few rules, each of many kinds: hypothesis leaves out some of the rules of each example.
    """

    # Clients.

    @initialize(
        lost_every=st.sampled_from([0, 1, 3]), owned=st.booleans(), wanted=st.lists(TASK, min_size=2, max_size=6)
    )
    def begin(self, lost_every: int, *, owned: bool, wanted: list[dict[str, Any]]) -> None:
        """There is work from the first step on, also in the examples that leave out `submit`; half have owners."""
        self.open(lost_every)
        for instance in INSTANCES if owned else ():
            self.owners.own(instance, is_well=True)
            for model in MODELS:
                self.owners.say("note", instance, Resident(model, READY, "1"))
        self.submit(wanted, has_key=True)

    @rule(wanted=st.lists(TASK, min_size=1, max_size=4), has_key=st.booleans())
    def submit(self, wanted: list[dict[str, Any]], *, has_key: bool) -> None:
        for fields in wanted:
            new = self.named(fields, has_key=has_key)
            if self.is_full(new.project):
                with pytest.raises(QuotaExceeded):
                    self.store.intake.submit(new)
                continue
            assert not self.store.intake.submit(new).replayed or self.node.scripts.lost_every
            self.recorded(new)

    @rule(wanted=st.lists(TASK, min_size=1, max_size=4), project=st.sampled_from(PROJECTS))
    def submit_batch(self, wanted: list[dict[str, Any]], *, project: str) -> None:
        """All or none, and each as if those before it were queued."""
        batch = NewBatch(project, tuple(self.named(fields | {"project": project}) for fields in wanted), "same")
        if self.is_full(project, beside=len(wanted) - 1):
            with pytest.raises(BatchRefused):
                self.store.intake.submit_batch(batch)
            return
        self.store.intake.submit_batch(batch)
        for new in batch.tasks:
            self.recorded(new)

    @rule(pick=PICK)
    @precondition(lambda self: self.keyed)
    def submit_again(self, pick: int) -> None:
        """Of a task that is there, or of one that was swept."""
        new = list(self.keyed.values())[pick % len(self.keyed)]
        receipt = self.store.intake.submit(replace(new, id="another"))
        assert (receipt.task_id, receipt.replayed, receipt.answer) == (new.id, True, new.answer)
        assert (receipt.task is not None) == (new.id in self.tasks)
        with pytest.raises(IdempotencyConflict):
            self.store.intake.submit(replace(new, id="another", request_sha256="different"))

    @rule(pick=PICK)
    @precondition(lambda self: self.tasks)
    def cancel(self, pick: int) -> None:
        known = self.one_of(self.tasks.values(), pick)
        task = self.store.intake.cancel(known.new.project, known.new.id)
        if known.run:
            known.is_canceling = True
        elif not known.status.is_terminal:
            known.ended(Status.CANCELED, "cancel")
        assert task.status is known.status

    @rule(pick=PICK, is_current=st.booleans())
    @precondition(lambda self: any(known.status.is_terminal for known in self.tasks.values()))
    def resubmit(self, pick: int, *, is_current: bool) -> None:
        known = self.one_of((known for known in self.tasks.values() if known.status.is_terminal), pick)
        generation = known.generation if is_current else known.generation + 1
        if is_current and known.status is not Status.SUCCEEDED and self.is_full(known.new.project):
            with pytest.raises(QuotaExceeded):
                self.store.intake.resubmit(known.new.project, known.new.id, generation=generation)
        elif is_current and known.status is not Status.SUCCEEDED:
            self.store.intake.resubmit(known.new.project, known.new.id, generation=generation)
            known.resubmitted(now_ms=self.now_ms)
        else:
            with pytest.raises(IllegalMove):
                self.store.intake.resubmit(known.new.project, known.new.id, generation=generation)

    # Workers.

    @rule(pick=PICK, count=st.integers(1, 4), owner=st.sampled_from(OWNERS), beats=st.booleans())
    @precondition(lambda self: any(known.is_ready for known in self.tasks.values()))
    def claim(self, pick: int, *, count: int, owner: Owner, beats: bool) -> None:
        lane = self.one_of((known for known in self.tasks.values() if known.is_ready), pick).waits_in
        tags, kept, clock = self.fair_queue(lane)
        turn = Turn(lane, tags, kept, clock, WEIGHTS, self.owners.held_back, self.rooms(), self.paused)
        away = turn.away(self.tasks.values())
        expected, more = turn.hand_out(self.tasks.values(), count=count, now_ms=self.now_ms)
        claimed = self.store.claim(count=count, owner=str(owner), lane=lane)
        assert [run.task.id for run in claimed.runs] == [known.new.id for known in expected]
        assert claimed.more == more
        for run, known in zip(claimed.runs, expected, strict=True):
            self.assert_is_placed(run)
            known.claimed(run, lease_ends_ms=self.now_ms + LEASE_MS)
        left = turn.away(self.tasks.values(), in_turn=True)
        self.owners.heard(may=away | turn.away(self.tasks.values()), must=() if more else left)
        if beats:
            self.beat(owner)

    @rule(owner=st.sampled_from(OWNERS))
    @precondition(lambda self: any(known.run for known in self.tasks.values()))
    def beat(self, owner: Owner) -> None:
        running = [known for known in self.tasks.values() if known.run and known.run.owner == str(owner)]
        verdicts = self.send_beats([known.run for known in running if known.run])
        for known, verdict in zip(running, verdicts, strict=True):
            assert verdict is (Verdict.STOP if known.is_canceling and not known.followers else Verdict.GO_ON)
            known.has_beaten, known.lease_ends_ms = True, self.now_ms + LEASE_MS

    @rule(pick=PICK, how=st.sampled_from(["finish", "release", "stop", "advance", *FAILS]))
    @precondition(lambda self: any(known.run for known in self.tasks.values()))
    def commit(self, pick: int, *, how: str | Category) -> None:
        known, run = self.one_running(pick)
        if isinstance(how, Category):
            decision = decide(how, known.tries.get(how, 0), jitter=0.5)
            self.store.claims.fail(run, Failure("it_failed", how, "It failed."), decision=decision)
            known.failed(how, decision, now_ms=self.now_ms)
            return
        COMMITS[how](self.store, run)
        if how == "release":
            known.queued("release")
        elif how == "advance":
            known.run = replace(run, placement=None)
        else:
            known.ended(Status.SUCCEEDED if how == "finish" else Status.CANCELED, how)

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
        assert self.send_beats([run]) == [Verdict.LOST]
        assert is_unchanged(before, self.store.dump())

    # Time, and what goes wrong.

    @rule(seconds=st.integers(1, 6))
    def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            self.store.pass_time(1_000)
            self.tick()

    @rule(what=st.sampled_from(["freeze", "sweep", "restart"]))
    def pause(self, what: str) -> None:
        if what == "freeze":  # nobody ticks for longer than a lease: no healthy run may pay for that
            self.store.pass_time(10_000)
            self.tick()
        elif what == "sweep":
            self.sweep()
        elif not self.restarts:
            self.restarts += 1
            self.node.server.kill()
            self.node.server.start()

    @rule(owner=st.sampled_from(OWNERS))
    @precondition(lambda self: any(known.run for known in self.tasks.values()))
    def lose_worker(self, owner: Owner) -> None:
        """It is dead, and its node says so."""
        self.store.upkeep.reap(owner)
        for known in self.tasks.values():
            if known.run and known.run.owner == str(owner):
                known.lost(now_ms=self.now_ms)

    @rule(is_broken=st.booleans(), pick=PICK)
    @precondition(lambda self: self.tasks)
    def audit(self, pick: int, *, is_broken: bool) -> None:
        """It finds nothing in a whole store, and mends one that has lost an entry of an index."""
        if is_broken:
            self.lose_an_entry(pick)
        assert bool(walk(self.store, limit=50)) == is_broken


@pytest.mark.timeout(3_600)
def test_the_record_is_what_a_plain_model_says(tmp_path: Path) -> None:
    pace = settings(
        max_examples=EXAMPLES or 30,
        stateful_step_count=50,
        deadline=None,
        derandomize=not EXAMPLES,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    with servers.valkey(tmp_path, extra=SMALL_LOG) as server, closing(connect(server.url, WORKER)) as client:

        class OnThisNode(ClaimsMachine):
            node = Node(server, RepeatedScripts(client, now_ms=START_MS))

        run_state_machine_as_test(OnThisNode, settings=pace)
