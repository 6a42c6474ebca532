"""Any order of events, senders, faults and people: each receiver hears the whole story in order; nothing is left."""

import json
import os
from contextlib import closing, suppress
from pathlib import Path

import pytest
import servers
from claims_room import Node
from deliveries_model import AT_ONCE, ENDPOINTS, LEASE_S, OUTLIVE_TASKS, OWNERS, DeliveriesRoom, Hand
from delivery_room import cursor_of
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from record_store import DONE, FAILURE, RETENTION_MS, START_MS, new_task, walk
from repeated_scripts import RepeatedScripts

from orchestrator.adapters.redis.connection import WORKER, connect
from orchestrator.adapters.redis.deliveries import parse_delivery
from orchestrator.domain.delivery import PAYLOAD, Cursor, DeliveryLost
from orchestrator.domain.errors import StaleRun
from orchestrator.domain.owner import Owner
from orchestrator.domain.retry import Again, GiveUp
from orchestrator.domain.task import Progress, Status
from orchestrator.ports.claims import Beat
from orchestrator.ports.deliveries import Taken

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "0"))  # `make chaos-long` asks for many, and for others each time
PICK = st.integers(0, 1_000)


class DeliveriesMachine(DeliveriesRoom):
    """Tasks that live, senders that come and go, endpoints that are away, disabled and asked for again."""

    @initialize(lost_every=st.sampled_from([0, 3]))
    def begin(self, lost_every: int) -> None:
        self.open()
        for endpoint in ENDPOINTS:
            self.turn(endpoint, is_breaker=False)
        self.node.scripts.lost_every = lost_every
        self.submit(project="film-a", runs=True)

    # Tasks.

    @rule(project=st.sampled_from(["film-a", "film-a", "film-b"]), runs=st.booleans())
    def submit(self, project: str, *, runs: bool) -> None:
        task_id = f"t{next(self.names):03}"
        self.store.submit(new_task(task_id, project=project))
        self.tasks[task_id] = project
        if runs:
            self.runs += self.store.claim(count=4).runs

    @rule(pick=PICK, how=st.sampled_from(["progress", "finish", "again", "give up"]))
    @precondition(lambda self: self.runs)
    def happen(self, pick: int, how: str) -> None:
        run = self.runs[pick % len(self.runs)]
        if how == "progress":
            self.store.claims.beat([Beat(run, Progress("infer", pick / 1_000, pick, 1_000))])
            return
        self.runs.remove(run)
        with suppress(StaleRun):  # its lease may have lapsed
            if how == "finish":
                self.store.claims.finish(run, DONE)
            else:
                decision = GiveUp() if how == "give up" else Again(after_s=1.0, counts=True)
                self.store.claims.fail(run, FAILURE, decision=decision)

    @rule(pick=PICK)
    @precondition(lambda self: self.tasks)
    def cancel_or_retry(self, pick: int) -> None:
        task_id, project = self.one_task(pick)
        task = self.store.task(task_id, project)
        if task.status in {Status.FAILED, Status.CANCELED}:
            self.store.intake.resubmit(project, task_id, generation=task.generation)
        elif task.status is Status.QUEUED:
            self.store.intake.cancel(project, task_id)

    # Senders.

    @rule(most=st.integers(1, 4), owner=st.sampled_from(OWNERS))
    def claim(self, most: int, owner: Owner) -> None:
        for sending in self.log.claim([f"{owner}/{next(self.claims)}" for _ in range(most)]):
            self.hands.append(hand := Hand(sending, owner))
            assert self.store.now_ms >= self.away.get(hand.channel[1], 0)
            events = self.store.client.xrange(f"orch:events:{sending.delivery.task_id}")
            asked = ENDPOINTS[hand.endpoint][1].split()
            lines = [Cursor.parse(entry) for entry, fields in events if fields["type"] in asked]
            self.ears[sending.delivery.task_id, sending.delivery.destination].look_at(sending, lines)
        held = [hand.channel for hand in self.hands]
        assert all(held.count(outbox) <= AT_ONCE[outbox[1].partition(":")[0]] for outbox in held)

    @rule(pick=PICK, how=st.sampled_from(["ok", "ok", "one", "lost", "again", "over", "held", "released"]))
    @precondition(lambda self: self.hands)
    def send(self, pick: int, how: str) -> None:
        hand = self.hands[pick % len(self.hands)]
        sending, ear = hand.sending, self.ears[hand.sending.delivery.task_id, hand.endpoint[1]]
        events = sending.events[-1:] if hand.endpoint[1] == PAYLOAD else sending.events[hand.done :]
        if hand.endpoint not in self.listed:
            self.log.give_up(sending, code="endpoint_disabled", message="")
        elif how == "one" and len(events) > 1:
            ear.hear(cursor_of(events[0]), events[0].type)
            self.log.advance(sending, cursor_of(events[0]), said="200 OK")
            ear.taken, hand.done = cursor_of(events[0]), hand.done + 1
            return
        elif how == "lost":  # it was taken, and the sender dies before it can say so
            for event in events[:1]:
                ear.hear(cursor_of(event), event.type)
            self.die(hand.owner, is_seen=pick % 2 == 0)
            return
        elif how in {"ok", "one"}:
            for event in events:
                ear.hear(cursor_of(event), event.type)
            assert not self.log.conclude([Taken(sending, "200 OK")])
            ear.taken = max(ear.taken, sending.until)
        else:
            self.give_back(sending, how)
        self.hands.remove(hand)
        self.ghosts.append(hand)

    @rule(owner=st.sampled_from(OWNERS), is_seen=st.booleans())
    @precondition(lambda self: self.hands)
    def die(self, owner: Owner, *, is_seen: bool) -> None:
        """A process with all that it sends: its parent sees it, or its leases lapse."""
        dead = [hand for hand in self.hands if hand.owner == owner]
        self.hands = [hand for hand in self.hands if hand.owner != owner]
        self.ghosts += dead
        if is_seen:
            assert self.store.upkeep.reap(owner).unsent == len(dead)
        else:
            self.pass_time(seconds=LEASE_S + 1)

    @rule(pick=PICK)
    @precondition(lambda self: self.ghosts)
    def commit_too_late(self, pick: int) -> None:
        ghost, before = self.ghosts[pick % len(self.ghosts)].sending, self.store.dump()
        assert self.log.conclude([Taken(ghost, "200 OK")]) == (ghost,)
        with pytest.raises(DeliveryLost):
            self.log.advance(ghost, ghost.until, said="200 OK")
        assert self.store.dump() == before

    # Time, people, and what goes wrong.

    @rule(seconds=st.sampled_from([1, 5, LEASE_S + 1]))
    def pass_time(self, seconds: int) -> None:
        for _ in range(2):
            self.store.pass_time(seconds * 500)
            self.log.renew([hand.sending for hand in self.hands])
            self.store.tick()
            self.log.wake(limit=100)

    @rule(endpoint=st.sampled_from(sorted(ENDPOINTS)), is_breaker=st.booleans())
    def turn(self, endpoint: tuple[str, str], *, is_breaker: bool) -> None:
        """A breaker opens for a while; or an endpoint is disabled, or enabled again."""
        channel, events = ENDPOINTS[endpoint]
        if is_breaker:
            self.away[channel] = until_ms = self.store.now_ms + 10_000
            self.room.send("HSET", "orch:breakers", channel, f"{self.store.now_ms} {until_ms} 1 failing none 0 ")
        elif endpoint in self.listed:
            self.listed.remove(endpoint)
            self.room.send("HDEL", f"orch:endpoints:{endpoint[0]}", endpoint[1])
        else:
            self.listed.add(endpoint)
            self.room.tell(endpoint[1], channel, events=events, project=endpoint[0])

    @rule(pick=PICK)
    @precondition(lambda self: self.tasks)
    def redeliver(self, pick: int) -> None:
        task_id, project = self.one_task(pick)
        before = {each.destination: each.cursor for each in self.log.list(project, task_id)}
        for now in self.log.redeliver(project, task_id):
            assert (now.status, now.cursor <= before[now.destination]) == ("pending", True)
            self.ears[task_id, now.destination].taken = now.cursor

    @rule()
    def sweep(self) -> None:
        """What has ended goes, once everybody has heard of it or will not."""
        for owner in OWNERS:
            self.die(owner, is_seen=True)
        self.store.pass_time(RETENTION_MS + 1)
        for swept in self.store.upkeep.condemn(limit=1_000):
            for (task_id, destination), ear in list(self.ears.items()):
                record = self.store.client.hgetall(f"orch:delivery:{task_id}:{destination}")
                if task_id == swept.task_id and record:
                    ear.assert_settled(parse_delivery(record), only_latest=destination == PAYLOAD)
            self.store.upkeep.purge(swept.task_id)
            del self.tasks[swept.task_id]
        self.log.wake(limit=100)
        self.store.tick()

    @rule()
    def audit(self) -> None:
        assert walk(self.store, limit=50) == set()

    def teardown(self) -> None:
        """When nothing more happens, all is told or has failed for a reason; then nothing is left of it."""
        for task_id, project in self.tasks.items():
            self.store.intake.cancel(project, task_id)
        self.what_has_happened_is_to_be_told()
        for endpoint in ENDPOINTS.keys() - self.listed:
            self.turn(endpoint, is_breaker=False)
        for _ in range(200):
            self.what_has_happened_is_to_be_told()
            self.pass_time(seconds=LEASE_S + 1)
            self.claim(4, OWNERS[0])
            while self.hands:
                self.send(0, "ok")
            if not self.store.upkeep.load().running + sum(each.pending for each in self.log.wake(limit=100).untold):
                break
        self.sweep()
        assert self.tasks == {}
        kept = {key.split(":")[1] for key in json.loads(self.store.dump())}
        assert kept <= OUTLIVE_TASKS, kept - OUTLIVE_TASKS


@pytest.mark.timeout(3_600)
def test_every_receiver_hears_the_story_in_order_and_all_of_it(tmp_path: Path) -> None:
    pace = settings(
        max_examples=EXAMPLES or 10,
        stateful_step_count=50,
        deadline=None,
        derandomize=not EXAMPLES,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    with servers.valkey(tmp_path, appendfsync="no") as server, closing(connect(server.url, WORKER)) as client:

        class OnThisNode(DeliveriesMachine):
            node = Node(server, RepeatedScripts(client, now_ms=START_MS))

        run_state_machine_as_test(OnThisNode, settings=pace)
