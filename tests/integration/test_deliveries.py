"""What `ports/deliveries.py` promises, on the real store."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from delivery_room import DeliveryRoom, cursor_of, kinds
from record_store import DONE, LEASE_MS, RETENTION_MS, new_task, open_store

from orchestrator.domain.delivery import Cursor, DeliveryLost, DeliveryStatus
from orchestrator.ports.deliveries import Taken


@pytest.fixture
def room(redis_url: str) -> Iterator[DeliveryRoom]:
    with open_store(redis_url) as store:
        yield DeliveryRoom(store)


class TestWhoIsTold:
    def test_a_destination_is_told_the_events_that_it_asks_for_in_order(self, room: DeliveryRoom) -> None:
        room.run_to_end("t1")
        sending = room.claim_one()
        assert kinds(sending) == ["queued", "running", "succeeded"]
        assert [event.seq for event in sending.events] == [1, 2, 3]
        assert (sending.delivery.destination, sending.delivery.channel) == ("webhook:one", "webhook:one.test")
        assert sending.task.status == "succeeded"

    def test_a_filter_leaves_out_the_rest(self, room: DeliveryRoom) -> None:
        room.tell("webhook:one", "webhook:one.test", events="succeeded failed")
        room.store.submit(new_task("t1"))
        assert room.claim() == ()
        room.store.claims.finish(room.store.claim_one(), DONE)
        assert kinds(room.claim_one()) == ["succeeded"]

    def test_a_channel_alone_asks_for_every_change_of_status(self, room: DeliveryRoom) -> None:
        room.send("HSET", "orch:endpoints:film-a", "webhook:one", "webhook:one.test")
        room.run_to_end("t1")
        assert kinds(room.claim_one()) == ["queued", "running", "succeeded"]

    def test_a_task_names_one_of_its_own(self, room: DeliveryRoom) -> None:
        own = {"url": "https://x.test/", "events": ["succeeded"], "channel": "webhook:x.test"}
        room.store.submit(replace(new_task("t1", project="film-b"), webhook=own))
        room.store.claims.finish(room.store.claim_one(), DONE)
        sending = room.claim_one()
        assert (sending.delivery.destination, sending.delivery.channel) == ("webhook:task", "webhook:x.test")
        assert kinds(sending) == ["succeeded"]

    def test_the_journal_hears_of_the_end_alone(self, room: DeliveryRoom) -> None:
        room.store.submit(new_task("t1", project="film-b"))
        room.send("HSET", "orch:task:t1", "journal", "1")
        run = room.store.claim_one()
        assert room.claim() == ()
        room.store.claims.finish(run, DONE)
        sending = room.claim_one()
        assert (sending.delivery.destination, kinds(sending)) == ("journal", ["succeeded"])

    def test_nobody_is_told_of_a_project_without_destinations(self, room: DeliveryRoom) -> None:
        room.run_to_end("t1", "film-b")
        assert room.claim() == ()
        assert room.log.list("film-b", "t1") == ()

    def test_who_comes_later_is_not_told_what_was_before(self, room: DeliveryRoom) -> None:
        room.store.submit(new_task("t1", project="film-b"))
        room.tell("webhook:late", "webhook:late.test", project="film-b")
        room.store.claims.finish(room.store.claim_one(), DONE)
        assert kinds(room.claim_one()) == ["running", "succeeded"]


class TestClaims:
    def test_a_repeated_claim_repeats(self, room: DeliveryRoom) -> None:
        room.run_to_end("t1")
        assert room.log.claim(["same"]) == room.log.claim(["same"])

    def test_one_delivery_has_one_sender_at_a_time(self, room: DeliveryRoom) -> None:
        room.run_to_end("t1")
        assert len(room.claim(3)) == 1
        assert room.claim() == ()

    def test_what_comes_while_it_is_sent_is_claimed_afterwards(self, room: DeliveryRoom) -> None:
        room.store.submit(new_task("t1"))
        first = room.claim_one()
        room.store.claims.finish(room.store.claim_one(), DONE)
        assert room.claim() == ()
        room.finish(first)
        assert kinds(room.claim_one()) == ["running", "succeeded"]

    def test_projects_and_channels_take_turns(self, room: DeliveryRoom) -> None:
        room.tell("webhook:two", "webhook:two.test", project="film-b")
        for number in range(6):
            room.store.submit(new_task(f"a{number}"))
        for number in range(2):
            room.store.submit(new_task(f"b{number}", project="film-b"))
        told = [sending.delivery.project for sending in room.claim(5)]
        assert told == ["film-a", "film-b", "film-a", "film-b", "film-a"]

    def test_one_of_them_has_so_many_senders_at_once(self, room: DeliveryRoom) -> None:
        for number in range(10):
            room.store.submit(new_task(f"t{number}"))
        sendings = room.claim(10)
        assert len(sendings) == 8
        assert room.claim() == ()
        room.finish(sendings[0])
        assert len(room.claim(10)) == 1

    def test_a_kind_that_nobody_here_can_send_is_left_to_others(self, room: DeliveryRoom) -> None:
        room.run_to_end("t1")
        assert replace(room.log, at_once={"payload": 4}).claim(["c"]) == ()
        room.store.pass_time(10_001)
        assert len(room.claim()) == 1


class TestCursor:
    def test_what_was_taken_is_not_told_again(self, room: DeliveryRoom) -> None:
        room.run_to_end("t1")
        sending = room.claim_one()
        room.log.advance(sending, cursor_of(sending.events[0]), said="200 OK")
        room.store.pass_time(LEASE_MS + 1)
        assert room.log.wake(limit=10).lapsed == 1
        again = room.claim_one()
        assert kinds(again) == ["running", "succeeded"]
        assert again.delivery.cursor == cursor_of(sending.events[0])
        with pytest.raises(DeliveryLost):
            room.finish(sending)

    def test_after_the_last_it_is_delivered(self, room: DeliveryRoom) -> None:
        room.run_to_end("t1")
        room.finish(room.claim_one())
        delivery = room.only("t1")
        assert (delivery.status, delivery.cursor, delivery.tries) == (DeliveryStatus.DELIVERED, Cursor(1, 3), 0)
        assert delivery.last is not None
        assert (delivery.last.code, delivery.last.message) == ("ok", "200 OK")
        assert room.claim() == ()

    def test_many_are_concluded_together_and_those_that_are_lost_are_named(self, room: DeliveryRoom) -> None:
        room.store.submit(new_task("t1"), new_task("t2"), new_task("t3"))
        sendings = room.claim(3)
        room.log.release(sendings[1])
        assert room.log.conclude([Taken(each, "200 OK") for each in sendings]) == (sendings[1],)
        assert [room.only(task_id).status for task_id in ("t1", "t2", "t3")] == ["delivered", "pending", "delivered"]

    def test_a_renewed_claim_does_not_lapse(self, room: DeliveryRoom) -> None:
        room.run_to_end("t1")
        sending = room.claim_one()
        room.store.pass_time(LEASE_MS - 1)
        room.log.renew([sending])
        room.store.pass_time(LEASE_MS - 1)
        assert room.log.wake(limit=10).lapsed == 0
        room.finish(sending)


class TestFailures:
    def test_a_failed_try_waits_until_it_is_due(self, room: DeliveryRoom) -> None:
        room.run_to_end("t1")
        room.log.put_off(room.claim_one(), after_s=5, code="no_answer", message="There was no answer.")
        delivery = room.only("t1")
        assert (delivery.status, delivery.tries, delivery.due_ms) == ("pending", 1, room.store.now_ms + 5_000)
        assert room.claim() == ()
        room.store.pass_time(5_000)
        assert room.log.wake(limit=10).due == 1
        assert room.claim_one().delivery.tries == 1

    def test_a_held_channel_holds_back_the_whole_queue_of_its_project_and_burns_no_try(
        self, room: DeliveryRoom
    ) -> None:
        room.tell("webhook:two", "webhook:two.test")
        room.store.submit(new_task("t1"), new_task("t2"))
        first = room.claim_one()
        room.log.hold_back(first, after_s=5)
        others = room.claim(9)
        assert {sending.delivery.channel for sending in others}.isdisjoint({first.delivery.channel})
        waiting = [
            each
            for task in ("t1", "t2")
            for each in room.log.list("film-a", task)
            if each.channel == first.delivery.channel
        ]
        assert [each.due_ms for each in waiting] == [room.store.now_ms + 5_000] * 2, "and says until when"
        room.store.pass_time(5_000)
        assert [each.due_ms for task in ("t1", "t2") for each in room.log.list("film-a", task)] == [None] * 4
        assert {sending.delivery.tries for sending in room.claim(9)} == {0}

    def test_one_that_was_given_up_begins_again_with_the_next_event(self, room: DeliveryRoom) -> None:
        room.store.submit(new_task("t1"))
        room.log.give_up(room.claim_one(), code="refused", message="400")
        assert room.only("t1").status == "failed"
        assert room.claim() == ()
        room.store.claims.finish(room.store.claim_one(), DONE)
        assert kinds(room.claim_one()) == ["queued", "running", "succeeded"]

    def test_but_not_that_to_a_task_s_own_webhook_whose_receiver_is_gone(self, room: DeliveryRoom) -> None:
        own = {"url": "https://x.test/", "events": ["queued", "succeeded"], "channel": "webhook:x.test"}
        room.store.submit(replace(new_task("t1", project="film-b"), webhook=own))
        room.log.give_up(room.claim_one(), code="endpoint_disabled", message="410")
        room.store.claims.finish(room.store.claim_one(), DONE)
        assert room.claim() == ()

    def test_what_is_released_is_another_s_at_once(self, room: DeliveryRoom) -> None:
        room.run_to_end("t1")
        room.log.release(room.claim_one())
        assert room.claim_one().delivery.tries == 0


def test_a_client_retry_goes_on_with_the_same_delivery(room: DeliveryRoom) -> None:
    room.store.submit(new_task("t1"))
    room.store.intake.cancel("film-a", "t1")
    room.finish(room.claim_one())
    room.store.intake.resubmit("film-a", "t1", generation=1)
    (event,) = room.claim_one().events
    assert (event.generation, event.seq, event.type) == (2, 3, "queued")


def test_nothing_is_left_of_it_once_the_task_is_forgotten(room: DeliveryRoom) -> None:
    room.run_to_end("t1")
    room.run_to_end("t2")
    room.finish(room.claim_one())
    room.store.pass_time(200 * RETENTION_MS)
    for swept in room.store.upkeep.condemn(limit=10):
        room.store.upkeep.purge(swept.task_id)
    room.send("DEL", "orch:endpoints:film-a")
    left = room.store.client.eval("return redis.call('KEYS', 'orch:*')", 0)
    assert {key.split(":")[1] for key in left} <= {"clock", "pace", "cost", "retention"}
