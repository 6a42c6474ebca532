"""What of deliveries stays when a hand reaches into the store, and when the time of their task is over."""

from collections.abc import Iterator

import pytest
from delivery_room import DeliveryRoom, kinds
from record_store import LEASE_MS, RETENTION_MS, open_store, walk

A_DAY_MS = 86_400_000
QUEUE = "film-a:webhook:one.test"
# One of t1 waits in its outbox, that of t2 is being sent, that of t3 waits for its next try, that of t4 has ended.
BREAKS = {
    "an outbox forgets one": (["ZREM", f"orch:outbox:{QUEUE}", "t1:webhook:one"], ("missing", "outbox")),
    "the round forgets an outbox": (["ZREM", "orch:outboxes", QUEUE], None),
    "a claim has no end": (["ZREM", "orch:sending", "t2:webhook:one"], ("missing", "sending")),
    "a sender is not counted": (["SREM", f"orch:senders:{QUEUE}", "t2:webhook:one"], ("missing", "senders")),
    "a next try is forgotten": (["ZREM", "orch:later", "t3:webhook:one"], ("missing", "later")),
    "what is to be told is not counted": (["ZREM", "orch:untold:webhook", "t1:webhook:one"], ("missing", "untold")),
    "a task forgets whom it tells": (["DEL", "orch:deliveries:t1"], ("missing", "deliveries")),
    "a place is forgotten": (["HDEL", "orch:delivery:t1:webhook:one", "place"], ("misplaced", "delivery")),
    "an ended one has a place": (["HSET", "orch:delivery:t4:webhook:one", "place", "later"], ("misplaced", "delivery")),
    "a record is lost": (["DEL", "orch:delivery:t1:webhook:one"], ("orphan", "outbox")),
    "its task is lost": (["DEL", "orch:task:t1"], ("orphan", "delivery")),
    "one waits twice": (["ZADD", "orch:later", "1", "t1:webhook:one"], ("stray", "later")),
    "one is counted that has ended": (["ZADD", "orch:untold:webhook", "1", "t4:webhook:one"], ("stray", "untold")),
    "a sender is counted that is none": (["SADD", f"orch:senders:{QUEUE}", "t4:webhook:one"], ("stray", "senders")),
    "an outbox that is empty has a turn": (["ZADD", "orch:outboxes", "1", "film-a:webhook:x"], ("stray", "outboxes")),
    "a claim is remembered for ever": (["SET", "orch:claimed:x", "t9"], ("orphan", "claimed")),
}


@pytest.fixture
def room(redis_url: str) -> Iterator[DeliveryRoom]:
    with open_store(redis_url) as store:
        yield DeliveryRoom(store)


def populate(room: DeliveryRoom) -> None:
    for number in (2, 3, 4, 1):
        room.run_to_end(f"t{number}")
        room.store.pass_time(1)
    _, later, ended = (room.claim_one() for _ in range(3))
    room.log.put_off(later, after_s=60, code="no_answer", message="")
    room.finish(ended)


class TestAudit:
    def test_a_sound_store_has_no_finds(self, room: DeliveryRoom) -> None:
        populate(room)
        before = room.store.dump()
        assert walk(room.store) == set()
        assert room.store.dump() == before

    @pytest.mark.parametrize("broken", BREAKS)
    def test_what_was_broken_is_found_and_mended_and_everything_is_told(self, room: DeliveryRoom, broken: str) -> None:
        command, expected = BREAKS[broken]
        populate(room)
        room.send(*command)
        finds = {find[:2] for find in walk(room.store)}
        assert expected is None or expected in finds
        assert walk(room.store) == set(), "the second time around there is nothing left to find"
        room.store.pass_time(60_000 + LEASE_MS)
        room.log.wake(limit=10)
        told = {sending.delivery.task_id for sending in room.claim(9)}
        assert told | {"t1"} == {"t1", "t2", "t3"}
        assert ("t1" in told) == (broken not in {"a record is lost", "its task is lost"})

    def test_an_outbox_that_nobody_sends_from_is_found_again(self, room: DeliveryRoom) -> None:
        room.run_to_end("t1")
        room.send("ZREM", "orch:outboxes", QUEUE)
        assert room.claim() == ()
        assert walk(room.store) == {("missing", "outboxes", QUEUE)}
        assert kinds(room.claim_one()) == ["queued", "running", "succeeded"]


class TestRetention:
    def condemned(self, room: DeliveryRoom) -> set[str]:
        return {swept.task_id for swept in room.store.upkeep.condemn(limit=10)}

    def test_a_task_stays_while_somebody_has_not_been_told_of_its_end(self, room: DeliveryRoom) -> None:
        room.run_to_end("t1")
        room.store.pass_time(RETENTION_MS)
        assert self.condemned(room) == set()
        assert walk(room.store) == set()
        room.finish(room.claim_one())
        room.store.pass_time(600_000)
        assert self.condemned(room) == {"t1"}

    def test_but_not_for_ever(self, room: DeliveryRoom) -> None:
        room.run_to_end("t1")
        room.store.pass_time(RETENTION_MS + 7 * A_DAY_MS)
        assert self.condemned(room) == {"t1"}
        room.store.upkeep.purge("t1")
        assert room.claim() == ()

    def test_who_deletes_a_task_need_not_wait_and_its_end_is_told(self, room: DeliveryRoom) -> None:
        room.run_to_end("t1")
        room.store.intake.delete("film-a", "t1")
        assert self.condemned(room) == {"t1"}
        room.store.upkeep.purge("t1")
        assert kinds(room.claim_one()) == ["queued", "running", "succeeded"]
