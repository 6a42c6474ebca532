"""Telling a destination what it has not been told: order, failures, and what a sender that dies leaves behind."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from record_store import LEASE_MS, open_store
from sending_room import ALL, SILENT, SendingRoom

from orchestrator.adapters.redis.connection import API, connect
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.domain.delivery import Delivery
from orchestrator.domain.errors import Category, Overloaded, Refused, Unavailable
from orchestrator.domain.task import TaskEvent
from orchestrator.local.loopback import pick_ports


@pytest.fixture
def room(redis_url: str) -> Iterator[SendingRoom]:
    with open_store(redis_url) as store:
        yield SendingRoom(store)


class TestTelling:
    def test_each_event_is_told_in_order_and_then_all_is_delivered(self, room: SendingRoom) -> None:
        room.run_to_end("t1")
        room.deliver_one()
        assert room.told.of("t1") == ALL
        assert room.only("t1").status == "delivered"

    def test_who_shows_a_state_is_told_the_last_one_only(self, room: SendingRoom) -> None:
        room.told.wants_only_latest = True
        room.run_to_end("t1")
        room.deliver_one()
        assert room.told.of("t1") == ["succeeded"]
        assert room.only("t1").status == "delivered"

    def test_who_follows_a_sender_that_was_killed_repeats_one_event_at_most(self, room: SendingRoom) -> None:
        def die_after_the_second(_delivery: Delivery, event: TaskEvent) -> str:
            if event.type == "running":
                room.store.pass_time(LEASE_MS + 1)
                room.log.wake(limit=10)
            return "200 OK"

        room.run_to_end("t1")
        room.told.answer = die_after_the_second
        room.deliver_one()
        assert room.told.of("t1") == ["queued", "running"]
        room.told.answer = lambda _delivery, _event: "200 OK"
        room.deliver_one()
        assert room.told.of("t1") == ["queued", "running", "running", "succeeded"]

    def test_who_must_leave_ends_what_is_being_sent_and_gives_the_rest_back(self, room: SendingRoom) -> None:
        def stop(_delivery: Delivery, _event: TaskEvent) -> str:
            room.stopping.set()
            return "200 OK"

        room.told.answer = stop
        room.run_to_end("t1")
        room.deliver_one()
        assert room.told.of("t1") == ["queued"]
        assert [event.type for event in room.claim_one().events] == ["running", "succeeded"]

    def test_lines_that_the_stream_has_lost_are_not_waited_for(self, room: SendingRoom) -> None:
        room.run_to_end("t1")
        room.send("DEL", "orch:events:t1")
        room.deliver_one()
        assert room.only("t1").status == "delivered"


class TestFailing:
    def fail(self, room: SendingRoom, error: Exception, *, tries: int = 1) -> Delivery:
        def answer(_delivery: Delivery, _event: TaskEvent) -> str:
            raise error

        room.told.answer = answer
        room.run_to_end("t1")
        for _ in range(tries):
            room.deliver_one()
            room.store.pass_time(24 * 3_600_000)
            room.log.wake(limit=10)
        return room.only("t1")

    def test_a_failed_try_is_noted_and_comes_again(self, room: SendingRoom) -> None:
        delivery = self.fail(room, SILENT, tries=3)
        assert (delivery.status, delivery.tries) == ("pending", 3)
        assert delivery.last is not None
        assert (delivery.last.code, delivery.last.message) == ("no_answer", "there was no answer")

    def test_after_its_last_try_it_is_given_up(self, room: SendingRoom) -> None:
        delivery = self.fail(room, SILENT, tries=10)
        assert (delivery.status, delivery.tries, delivery.due_ms) == ("failed", 10, None)
        assert room.claim() == ()

    def test_a_refusal_ends_it_at_once(self, room: SendingRoom) -> None:
        refused = Refused("gone", service="webhook", category=Category.NETWORK, code="endpoint_disabled")
        assert self.fail(room, refused).status == "failed"

    def test_a_bug_of_ours_counts_as_a_try_and_takes_nobody_along(self, room: SendingRoom) -> None:
        delivery = self.fail(room, ZeroDivisionError("foreign words"))
        assert (delivery.status, delivery.tries) == ("pending", 1)
        assert delivery.last is not None
        assert "foreign" not in delivery.last.message

    def test_a_breaker_that_is_open_burns_no_try(self, room: SendingRoom) -> None:
        open_now = Unavailable("open", service="webhook", category=Category.DEPENDENCY_OPEN)
        delivery = self.fail(room, open_now, tries=30)
        assert (delivery.status, delivery.tries) == ("pending", 0)

    def test_who_names_a_time_is_not_asked_before(self, room: SendingRoom) -> None:
        def busy(_delivery: Delivery, _event: TaskEvent) -> str:
            raise Overloaded(retry_after_s=77)

        room.told.answer = busy
        room.run_to_end("t1")
        room.deliver_one()
        due_ms = room.only("t1").due_ms
        assert due_ms == room.store.now_ms + 77_000

    def test_what_a_store_that_is_away_has_not_heard_is_told_again(self, room: SendingRoom) -> None:
        room.run_to_end("t1")
        with closing(connect(f"redis://127.0.0.1:{pick_ports(1)[0]}/0", API)) as nobody:
            away = replace(room.log, scripts=Scripts(nobody))
            replace(room.service, outbox=away).deliver(room.claim_one())
        assert room.only("t1").status == "pending"
