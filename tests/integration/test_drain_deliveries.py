"""What a child sends beside its tasks: who waits for whom, and what a shutdown leaves."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count

import pytest
from overheard import overheard
from record_store import new_task, open_store
from sending_room import ALL, PATIENCE_S, QUICK, SILENT, SendingRoom

from orchestrator.adapters.system_clock import SystemClock
from orchestrator.domain.delivery import Delivery
from orchestrator.domain.errors import Overloaded
from orchestrator.domain.task import TaskEvent
from orchestrator.services.deliveries.drain_deliveries import SendSlots


@pytest.fixture
def room(redis_url: str) -> Iterator[SendingRoom]:
    with open_store(redis_url) as store:
        yield SendingRoom(store)


def await_that(what: Callable[[], bool]) -> None:
    deadline, step = SystemClock().monotonic_s() + PATIENCE_S, threading.Event()
    while not what():
        assert SystemClock().monotonic_s() < deadline, "it does not come about"
        step.wait(0.01)


class TestDrain:
    def test_what_is_there_and_what_comes_is_sent(self, room: SendingRoom) -> None:
        room.run_to_end("t1")
        with room.draining():
            await_that(lambda: room.told.of("t1") == ALL)
            room.run_to_end("t2")
            await_that(lambda: room.told.of("t2") == ALL)

    def test_a_destination_that_hangs_delays_only_itself(self, room: SendingRoom) -> None:
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

    def test_those_that_end_together_are_concluded_in_one_round_trip(self, room: SendingRoom, redis_url: str) -> None:
        together = threading.Barrier(QUICK.count)

        def answer(_delivery: Delivery, _event: TaskEvent) -> str:
            together.wait(PATIENCE_S)
            return "200 OK"

        room.told.answer = answer
        room.slots = replace(QUICK, gather_s=PATIENCE_S)
        tasks = [f"t{number}" for number in range(QUICK.count)]
        room.store.submit(*map(new_task, tasks))
        with overheard(redis_url) as said, room.draining():
            await_that(lambda: all(room.only(task_id).status == "delivered" for task_id in tasks))
        assert said.count("conclude_deliveries") == 1

    def test_one_claim_leaves_something_to_the_other_children(self, room: SendingRoom) -> None:
        begun, hangs = list[str](), threading.Event()

        def hang(delivery: Delivery, _event: TaskEvent) -> str:
            begun.append(delivery.task_id)
            assert hangs.wait(PATIENCE_S)
            return "200 OK"

        room.told.answer = hang
        room.slots = replace(QUICK, share=2, poll_s=PATIENCE_S)
        tasks = [f"t{number}" for number in range(8)]
        room.store.submit(*map(new_task, tasks))
        with room.draining():
            await_that(lambda: len(begun) == 2)
            assert len(room.claim(8)) == 6
            hangs.set()

    def test_events_of_one_task_stay_in_order_whatever_fails(self, room: SendingRoom) -> None:
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

    def test_at_a_shutdown_what_does_not_end_in_time_is_given_back(self, room: SendingRoom) -> None:
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
