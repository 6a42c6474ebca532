"""Telling a destination what it has not been told: order, failures, and what a sender that dies leaves behind."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import count

import pytest
from delivery_room import DeliveryRoom, Told
from prometheus_client import CollectorRegistry
from record_store import DONE, LEASE_MS, new_task, open_store

from orchestrator.adapters.redis.connection import API, connect
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.domain.delivery import Delivery
from orchestrator.domain.errors import Category, Overloaded, Refused, Unavailable
from orchestrator.domain.task import TaskEvent
from orchestrator.local.loopback import pick_ports
from orchestrator.services.deliver import Deliver
from orchestrator.services.drain_deliveries import DrainDeliveries, SendSlots
from orchestrator.telemetry import build_send_metrics

PATIENCE_S = 20.0
SILENT = Unavailable("there was no answer", service="webhook", category=Category.NETWORK, code="no_answer")
QUICK = SendSlots(8, renew_s=0.05, poll_s=0.01, drain_s=0.2)
ALL = ["queued", "running", "succeeded"]


@dataclass
class Room(DeliveryRoom):
    """The same, with the service and one sender of webhooks."""

    told: Told = field(default_factory=Told)
    slots: SendSlots = QUICK

    def __post_init__(self) -> None:
        super().__post_init__()
        self.stopping = threading.Event()

    @property
    def service(self) -> Deliver:
        metrics = build_send_metrics(CollectorRegistry())
        return Deliver(self.log, {"webhook": self.told}, SystemClock(), metrics, must_leave=self.stopping.is_set)

    def run_to_end(self, task_id: str, project: str = "film-a") -> None:
        self.store.submit(new_task(task_id, project=project))
        self.store.claims.finish(self.store.claim_one(), DONE)

    @contextmanager
    def draining(self) -> Iterator[None]:
        """A child that sends until the block is left."""
        claims, let_go = count(), threading.Event()
        drain = DrainDeliveries(
            outbox=self.log,
            deliver=self.service.deliver,
            clock=SystemClock(),
            new_claim=lambda: f"drained-{next(claims)}",
            is_stopping=self.stopping.is_set,
            slots=self.slots,
        )
        thread = threading.Thread(target=drain.beside, args=(lambda: let_go.wait(PATIENCE_S),))
        thread.start()
        try:
            yield
        finally:
            let_go.set()
            thread.join(PATIENCE_S)
        assert not thread.is_alive()


@pytest.fixture
def room(redis_url: str) -> Iterator[Room]:
    with open_store(redis_url) as store:
        yield Room(store)


def await_that(what: Callable[[], bool]) -> None:
    deadline, step = SystemClock().monotonic_s() + PATIENCE_S, threading.Event()
    while not what():
        assert SystemClock().monotonic_s() < deadline, "it does not come about"
        step.wait(0.01)


class TestTelling:
    def test_each_event_is_told_in_order_and_then_all_is_delivered(self, room: Room) -> None:
        room.run_to_end("t1")
        room.service.deliver(room.claim_one())
        assert room.told.of("t1") == ALL
        assert room.only("t1").status == "delivered"

    def test_who_shows_a_state_is_told_the_last_one_only(self, room: Room) -> None:
        room.told.wants_only_latest = True
        room.run_to_end("t1")
        room.service.deliver(room.claim_one())
        assert room.told.of("t1") == ["succeeded"]
        assert room.only("t1").status == "delivered"

    def test_a_sender_that_was_killed_is_followed_by_one_that_repeats_one_event_at_most(self, room: Room) -> None:
        def die_after_the_second(_delivery: Delivery, event: TaskEvent) -> str:
            if event.type == "running":
                room.store.pass_time(LEASE_MS + 1)
                room.log.wake(limit=10)
            return "200 OK"

        room.run_to_end("t1")
        room.told.answer = die_after_the_second
        room.service.deliver(room.claim_one())
        assert room.told.of("t1") == ["queued", "running"]
        room.told.answer = lambda _delivery, _event: "200 OK"
        room.service.deliver(room.claim_one())
        assert room.told.of("t1") == ["queued", "running", "running", "succeeded"]

    def test_who_must_leave_ends_what_is_being_sent_and_gives_the_rest_back(self, room: Room) -> None:
        def stop(_delivery: Delivery, _event: TaskEvent) -> str:
            room.stopping.set()
            return "200 OK"

        room.told.answer = stop
        room.run_to_end("t1")
        room.service.deliver(room.claim_one())
        assert room.told.of("t1") == ["queued"]
        assert [event.type for event in room.claim_one().events] == ["running", "succeeded"]

    def test_lines_that_the_stream_has_lost_are_not_waited_for(self, room: Room) -> None:
        room.run_to_end("t1")
        room.send("DEL", "orch:events:t1")
        room.service.deliver(room.claim_one())
        assert room.only("t1").status == "delivered"


class TestFailing:
    def fail(self, room: Room, error: Exception, tries: int = 1) -> Delivery:
        def answer(_delivery: Delivery, _event: TaskEvent) -> str:
            raise error

        room.told.answer = answer
        room.run_to_end("t1")
        for _ in range(tries):
            room.service.deliver(room.claim_one())
            room.store.pass_time(24 * 3_600_000)
            room.log.wake(limit=10)
        return room.only("t1")

    def test_a_failed_try_is_noted_and_comes_again(self, room: Room) -> None:
        delivery = self.fail(room, SILENT, 3)
        assert (delivery.status, delivery.tries) == ("pending", 3)
        assert delivery.last is not None
        assert (delivery.last.code, delivery.last.message) == ("no_answer", "there was no answer")

    def test_after_its_last_try_it_is_given_up(self, room: Room) -> None:
        delivery = self.fail(room, SILENT, 10)
        assert (delivery.status, delivery.tries, delivery.due_ms) == ("failed", 10, None)
        assert room.claim() == ()

    def test_a_refusal_ends_it_at_once(self, room: Room) -> None:
        refused = Refused("gone", service="webhook", category=Category.NETWORK, code="endpoint_disabled")
        assert self.fail(room, refused).status == "failed"

    def test_a_bug_of_ours_counts_as_a_try_and_takes_nobody_along(self, room: Room) -> None:
        delivery = self.fail(room, ZeroDivisionError("foreign words"))
        assert (delivery.status, delivery.tries) == ("pending", 1)
        assert delivery.last is not None
        assert "foreign" not in delivery.last.message

    def test_a_breaker_that_is_open_burns_no_try(self, room: Room) -> None:
        open_now = Unavailable("open", service="webhook", category=Category.DEPENDENCY_OPEN)
        delivery = self.fail(room, open_now, 30)
        assert (delivery.status, delivery.tries) == ("pending", 0)

    def test_who_names_a_time_is_not_asked_before(self, room: Room) -> None:
        def busy(_delivery: Delivery, _event: TaskEvent) -> str:
            raise Overloaded(retry_after_s=77)

        room.told.answer = busy
        room.run_to_end("t1")
        room.service.deliver(room.claim_one())
        due_ms = room.only("t1").due_ms
        assert due_ms == room.store.now_ms + 77_000

    def test_what_a_store_that_is_away_has_not_heard_is_told_again(self, room: Room) -> None:
        room.run_to_end("t1")
        with closing(connect(f"redis://127.0.0.1:{pick_ports(1)[0]}/0", API)) as nobody:
            away = replace(room.log, scripts=Scripts(nobody))
            service = Deliver(away, {"webhook": room.told}, SystemClock(), build_send_metrics(CollectorRegistry()))
            service.deliver(room.claim_one())
        assert room.only("t1").status == "pending"


class TestDrain:
    def test_what_is_there_and_what_comes_is_sent(self, room: Room) -> None:
        room.run_to_end("t1")
        with room.draining():
            await_that(lambda: room.told.of("t1") == ALL)
            room.run_to_end("t2")
            await_that(lambda: room.told.of("t2") == ALL)

    def test_a_destination_that_hangs_delays_only_itself(self, room: Room) -> None:
        hangs = threading.Event()

        def answer(delivery: Delivery, _event: TaskEvent) -> str:
            if delivery.destination == "webhook:dead":
                assert hangs.wait(PATIENCE_S)
                raise SILENT
            return "200 OK"

        room.slots = SendSlots(12, renew_s=0.05, poll_s=0.01, drain_s=PATIENCE_S)
        room.told.answer = answer
        room.tell("webhook:dead", "webhook:dead.test")
        room.store.submit(*(new_task(f"t{number}") for number in range(30)))
        with room.draining():
            await_that(lambda: all(room.told.of(f"t{number}") == ["queued"] for number in range(30)))
            hangs.set()
        assert not [heard for heard in room.told.heard if heard[1] == "webhook:dead"]

    def test_events_of_one_task_stay_in_order_whatever_fails(self, room: Room) -> None:
        calls = count()

        def flaky(_delivery: Delivery, _event: TaskEvent) -> str:
            if next(calls) % 3 == 0:
                raise Overloaded(retry_after_s=0)
            return "200 OK"

        room.told.answer = flaky
        with room.draining():
            for number in range(20):
                room.run_to_end(f"t{number}")

            def all_told() -> bool:
                room.store.pass_time(60_000)
                room.log.wake(limit=100)
                return all(room.told.of(f"t{number}")[-1:] == ["succeeded"] for number in range(20))

            await_that(all_told)
        for number in range(20):
            assert sorted(set(room.told.of(f"t{number}")), key=room.told.of(f"t{number}").index) == ALL

    def test_at_a_shutdown_what_does_not_end_in_time_is_given_back(self, room: Room) -> None:
        sending, hangs = threading.Event(), threading.Event()

        def hang(_delivery: Delivery, _event: TaskEvent) -> str:
            sending.set()
            assert hangs.wait(PATIENCE_S)
            return "200 OK"

        room.told.answer = hang
        room.run_to_end("t1")
        with room.draining():
            assert sending.wait(PATIENCE_S)
            room.stopping.set()
        assert len(room.claim()) == 1
        hangs.set()
