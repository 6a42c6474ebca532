"""Deliveries on a real store whose clock is in the test's hand, and senders that write down what they are told."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from threading import Lock

from record_store import DONE, RecordStore, new_task

from orchestrator.adapters.redis.deliveries import RedisDeliveries
from orchestrator.domain.delivery import Cursor, Delivery, DeliveryLost
from orchestrator.domain.task import Task, TaskEvent
from orchestrator.ports.deliveries import Sending, Taken

EVERYTHING = "queued running succeeded failed canceled"


@dataclass
class Told:
    """A sender that notes every event, and may do something about it."""

    wants_only_latest: bool = False
    answer: Callable[[Delivery, TaskEvent], str] = lambda _delivery, _event: "200 OK"
    heard: list[tuple[str, str, str]] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def send(self, delivery: Delivery, task: Task, *, event: TaskEvent) -> str:
        assert task.id == delivery.task_id
        said = self.answer(delivery, event)
        with self._lock:
            self.heard.append((delivery.task_id, delivery.destination, event.type))
        return said

    def of(self, task_id: str, destination: str = "webhook:one") -> list[str]:
        return [kind for task, where, kind in self.heard if (task, where) == (task_id, destination)]


@dataclass
class DeliveryRoom:
    """A store in which project film-a tells `webhook:one` everything, unless a test says otherwise."""

    store: RecordStore

    def __post_init__(self) -> None:
        self.log = RedisDeliveries(self.store.scripts)
        self._claims = (f"claim-{number}" for number in count(1))
        self.tell("webhook:one", "webhook:one.test")

    def tell(self, destination: str, channel: str, *, events: str = EVERYTHING, project: str = "film-a") -> None:
        self.send("HSET", f"orch:endpoints:{project}", destination, f"{channel} {events}")

    def send(self, *command: object) -> None:
        self.store.client.eval("return redis.call(unpack(ARGV))", 0, *map(str, command))

    def run_to_end(self, task_id: str, project: str = "film-a") -> None:
        self.store.submit(new_task(task_id, project=project))
        self.store.claims.finish(self.store.claim_one(), DONE)

    def claim(self, most: int = 1) -> tuple[Sending, ...]:
        return self.log.claim([next(self._claims) for _ in range(most)])

    def claim_one(self) -> Sending:
        (sending,) = self.claim()
        return sending

    def finish(self, sending: Sending) -> None:
        if self.log.conclude([Taken(sending, "200 OK")]):
            raise DeliveryLost

    def only(self, task_id: str) -> Delivery:
        (delivery,) = self.log.list("film-a", task_id)
        return delivery


def kinds(sending: Sending) -> list[str]:
    return [event.type for event in sending.events]


def cursor_of(event: TaskEvent) -> Cursor:
    return Cursor(event.generation, event.seq)
