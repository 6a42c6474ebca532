"""Where `integration/test_deliveries_machine.py` plays: the store, who sends, and what each receiver must hear."""

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import count

from claims_room import Node
from delivery_room import EVERYTHING, DeliveryRoom, cursor_of
from hypothesis.stateful import RuleBasedStateMachine, invariant
from record_store import START_MS, RecordStore

from orchestrator.adapters.redis.deliveries import RedisDeliveries
from orchestrator.domain.delivery import Cursor, Delivery, DeliveryStatus
from orchestrator.domain.owner import Owner
from orchestrator.domain.task import Run, Status
from orchestrator.ports.deliveries import Sending

LEASE_S = 30
OWNERS = [Owner("node-1", 1, 1), Owner("node-1", 2, 1)]
AT_ONCE = {"webhook": 2, "payload": 1}
# project, destination: its channel, and what it asks for. Of what happens the CMS is sent the latest only.
ENDPOINTS = {
    ("film-a", "webhook:one"): ("webhook:one.test", EVERYTHING),
    ("film-a", "webhook:two"): ("webhook:two.test", "succeeded failed progress"),
    ("film-b", "payload"): ("payload", f"{EVERYTHING} progress"),
}
OUTLIVE_TASKS = {"breakers", "clock", "endpoints", "idem", "pace", "project", "projects", "retention", "tags"}
ENDS = {"succeeded", "failed", "canceled"}
PROGRESS = "progress"


@dataclass
class Hand:
    """A delivery in the hands of a sender, and how many of its events have been committed."""

    sending: Sending
    owner: Owner
    done: int = 0

    @property
    def channel(self) -> tuple[str, str]:
        return self.sending.delivery.project, self.sending.delivery.channel

    @property
    def endpoint(self) -> tuple[str, str]:
        return self.sending.delivery.project, self.sending.delivery.destination


@dataclass
class Ear:
    """One destination of one task: the lines that it must be told, what it has heard, and what it said that it took."""

    must: list[Cursor] = field(default_factory=list)
    heard: list[tuple[Cursor, str]] = field(default_factory=list)
    taken: Cursor = field(default_factory=Cursor)

    def look_at(self, sending: Sending, lines: list[Cursor]) -> None:
        """A claim hands out all of the ``lines`` that are asked for and not taken yet, in order, and no other."""
        cursor = sending.delivery.cursor
        if not self.heard and self.taken == Cursor():  # it has begun later than its task
            self.taken = cursor
            assert not [line for line in self.must if line <= cursor]
        assert cursor == self.taken
        told = [cursor_of(event) for event in sending.events if event.type != PROGRESS]
        assert told == [line for line in lines if line > cursor]
        assert {line for line in self.must if line > cursor} <= set(told)
        if PROGRESS in (kinds := [event.type for event in sending.events]):
            assert kinds.index(PROGRESS) == len(kinds) - 1
            assert sending.task.status is Status.RUNNING

    def hear(self, line: Cursor, kind: str) -> None:
        """A line comes again only as long as it was not said to be taken, and nothing comes late."""
        told = {at for at, heard in self.heard if heard != PROGRESS}
        if kind == PROGRESS:
            ended = {at.generation for at, heard in self.heard if heard in ENDS}
            assert line.generation not in ended, "a progress after the end"
        else:
            assert line > self.taken
            assert line in told or line > max(told, default=Cursor()), "others have overtaken it"
        self.heard.append((line, kind))

    def assert_settled(self, delivery: Delivery, *, only_latest: bool) -> None:
        """It was told everything, or there is a reason."""
        if delivery.status is DeliveryStatus.FAILED:
            assert delivery.last
            assert delivery.last.code
            return
        assert delivery.status is DeliveryStatus.DELIVERED
        told = {at for at, heard in self.heard if heard != PROGRESS}
        missed = [line for line in self.must if line not in told]
        assert not [line for line in missed if not only_latest or line > max(told, default=Cursor())], missed


class DeliveriesRoom(RuleBasedStateMachine):
    """No rules yet: a store that is empty at first, and all that is known of it."""

    node: Node

    def open(self) -> None:
        self.node.scripts.now_ms, self.node.scripts.lost_every = START_MS, 0
        self.store = RecordStore(self.node.scripts)
        self.store.client.eval("redis.call('FLUSHALL')", 0)
        self.room = DeliveryRoom(self.store)
        self.log = RedisDeliveries(self.store.scripts, LEASE_S * 1000, AT_ONCE)
        self.names, self.claims = count(1), count(1)
        self.tasks: dict[str, str] = {}  # by id, the project
        self.runs: list[Run] = []
        self.hands: list[Hand] = []
        self.ghosts: list[Hand] = []
        self.ears: defaultdict[tuple[str, str], Ear] = defaultdict(Ear)
        self.noted: dict[str, str] = {}
        self.away: dict[str, int] = {}
        self.listed: set[tuple[str, str]] = set()

    @invariant()
    def what_has_happened_is_to_be_told(self) -> None:
        for task_id, project in self.tasks.items():
            after = f"({self.noted[task_id]}" if task_id in self.noted else "-"
            for entry, fields in self.store.client.xrange(f"orch:events:{task_id}", after):
                self.noted[task_id] = entry
                for endpoint in self.listed:
                    if endpoint[0] == project and fields["type"] in ENDPOINTS[endpoint][1].split():
                        self.ears[task_id, endpoint[1]].must.append(Cursor.parse(entry))

    def give_back(self, sending: Sending, how: str) -> None:
        if how == "again":
            self.log.put_off(sending, after_s=40, code="no_answer", message="")
        elif how == "over":
            self.log.give_up(sending, code="refused", message="")
        elif how == "held":
            self.log.hold_back(sending, after_s=5)
        else:
            self.log.release(sending)

    def one_task(self, pick: int) -> tuple[str, str]:
        return list(self.tasks.items())[pick % len(self.tasks)]
