"""Progress, which is told now and then, and what is told again because somebody asks for it."""

from collections.abc import Iterator

import pytest
from delivery_room import DeliveryRoom, kinds
from record_store import DONE, new_task, open_store

from orchestrator.domain.delivery import DeliveryNotFound
from orchestrator.domain.errors import TaskNotFound
from orchestrator.domain.task import Progress
from orchestrator.ports.claims import Beat


@pytest.fixture
def room(redis_url: str) -> Iterator[DeliveryRoom]:
    with open_store(redis_url) as store:
        yield DeliveryRoom(store)


class TestProgress:
    @pytest.fixture
    def beaten(self, room: DeliveryRoom) -> DeliveryRoom:
        room.tell("webhook:one", "webhook:one.test", events="succeeded progress")
        room.store.submit(new_task("t1"))
        self.run = room.store.claim_one()
        return room

    def beat(self, room: DeliveryRoom, done: int) -> None:
        room.store.claims.beat([Beat(self.run, Progress("infer", done / 10, done, 10))])

    def test_it_is_told_with_the_number_of_the_line_before(self, beaten: DeliveryRoom) -> None:
        self.beat(beaten, 1)
        (event,) = beaten.claim_one().events
        assert (event.type, event.seq, event.data["done"]) == ("progress", 2, 1)

    def test_it_is_told_no_more_often_than_every_few_seconds(self, beaten: DeliveryRoom) -> None:
        self.beat(beaten, 1)
        beaten.finish(beaten.claim_one())
        self.beat(beaten, 2)
        assert beaten.claim() == ()
        beaten.store.pass_time(5_000)
        self.beat(beaten, 3)
        assert beaten.claim_one().events[0].data["done"] == 3

    def test_once_the_task_has_ended_the_end_alone_is_told(self, beaten: DeliveryRoom) -> None:
        self.beat(beaten, 1)
        beaten.store.claims.finish(self.run, DONE)
        assert kinds(beaten.claim_one()) == ["succeeded"]

    def test_an_end_is_not_held_back_by_what_was_told_a_moment_ago(self, beaten: DeliveryRoom) -> None:
        self.beat(beaten, 1)
        beaten.finish(beaten.claim_one())
        beaten.store.claims.finish(self.run, DONE)
        assert kinds(beaten.claim_one()) == ["succeeded"]


class TestRedeliver:
    def test_what_is_delivered_tells_its_last_event_again(self, room: DeliveryRoom) -> None:
        room.run_to_end("t1")
        room.finish(room.claim_one())
        (delivery,) = room.log.redeliver("film-a", "t1")
        assert delivery.status == "pending"
        assert kinds(room.claim_one()) == ["succeeded"]

    def test_what_was_given_up_has_all_its_tries_and_events_again(self, room: DeliveryRoom) -> None:
        room.run_to_end("t1")
        room.log.give_up(room.claim_one(), code="refused", message="400")
        room.log.redeliver("film-a", "t1", destination="webhook:one")
        sending = room.claim_one()
        assert (sending.delivery.tries, kinds(sending)) == (0, ["queued", "running", "succeeded"])

    def test_what_waits_for_its_next_try_is_tried_at_once(self, room: DeliveryRoom) -> None:
        room.run_to_end("t1")
        room.log.put_off(room.claim_one(), after_s=500, code="no_answer", message="")
        room.log.redeliver("film-a", "t1")
        assert len(room.claim()) == 1
        assert room.log.wake(limit=10).due == 0

    def test_what_waits_for_its_turn_keeps_it(self, room: DeliveryRoom) -> None:
        """Asked for twice as after a lost reply, a delivery would else be overtaken by all others."""
        room.tell("webhook:two", "webhook:two.test", project="film-b")
        room.run_to_end("t1")
        room.run_to_end("t2", "film-b")
        before = room.store.dump()
        room.log.redeliver("film-a", "t1")
        assert room.store.dump() == before
        assert [sending.delivery.task_id for sending in room.claim(2)] == ["t1", "t2"]

    def test_what_holds_an_outbox_back_is_not_over(self, room: DeliveryRoom) -> None:
        room.run_to_end("t1")
        room.log.hold_back(room.claim_one(), after_s=5)
        room.log.redeliver("film-a", "t1")
        assert room.claim() == ()
        room.store.pass_time(5_000)
        assert kinds(room.claim_one()) == ["queued", "running", "succeeded"]

    def test_others_and_what_is_not_there_cannot_be_told_apart(self, room: DeliveryRoom) -> None:
        room.run_to_end("t1")
        for project, task in (("film-b", "t1"), ("film-a", "none")):
            with pytest.raises(TaskNotFound):
                room.log.list(project, task)
            with pytest.raises(TaskNotFound):
                room.log.redeliver(project, task)
        with pytest.raises(DeliveryNotFound):
            room.log.redeliver("film-a", "t1", destination="webhook:none")
