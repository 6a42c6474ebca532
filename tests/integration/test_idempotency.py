"""An Idempotency-Key gets the first answer again, to the byte, for a day and not a moment longer."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest
from front_door import FrontDoor
from processes import wait_for
from record_store import DONE, RETENTION_MS, RecordStore, new_task, open_store, walk

from orchestrator.domain.errors import IdempotencyConflict

ECHO = {"type": "system.echo", "params": {"size_bytes": 1}, "labels": {"created_at": "never"}}
A_DAY_MS = 86_400_000
KEY = "orch:idem:film-a:k-1"


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        yield opened


def submit(caller: httpx.Client, **headers: str) -> httpx.Response:
    return caller.post("/v1/tasks", json=ECHO, headers={"Idempotency-Key": "k-1", **headers})


def heard(answer: httpx.Response) -> tuple[int, bytes, str, str]:
    return answer.status_code, answer.content, answer.headers["Location"], answer.headers["Content-Type"]


def sweep_all(store: RecordStore) -> None:
    """Everything that has ended is long past its retention."""
    store.pass_time(RETENTION_MS)
    for swept in store.upkeep.condemn(limit=100):
        store.upkeep.purge(swept.task_id)


def ask(store: RecordStore, *words: object) -> object:
    return store.client.eval("return redis.call(unpack(ARGV))", 0, *map(str, words))


def real_ms(store: RecordStore) -> int:
    seconds, micros = store.client.time()
    return int(seconds) * 1000 + int(micros) // 1000


class TestAnswer:
    def test_it_shows_the_task_as_it_was_recorded(self, film_a: httpx.Client) -> None:
        first = submit(film_a)
        seen = film_a.get(first.headers["Location"]).json()
        assert first.json() == {**seen, "queue": {**dict.fromkeys(seen["queue"]), "away": []}}, (
            "where nobody has looked yet"
        )

    def test_fifty_at_once_hear_the_same_of_one_task(self, door: FrontDoor, film_a: httpx.Client) -> None:
        with ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(lambda _: submit(film_a), range(50)))
        assert len({heard(answer) for answer in answers}) == 1
        assert answers[0].status_code == 202
        assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
        assert len(film_a.get("/v1/tasks").json()["items"]) == 1
        assert door.bells.rung == ["io"]

    def test_what_becomes_of_the_task_changes_nothing(
        self, door: FrontDoor, film_a: httpx.Client, store: RecordStore
    ) -> None:
        first = submit(film_a)
        door.worker.claims.finish(door.next_run(), DONE)
        assert heard(submit(film_a)) == heard(first)
        sweep_all(store)
        assert film_a.get(first.headers["Location"]).status_code == 404
        again = submit(film_a, Prefer="wait=30")  # there is nothing left to wait for
        assert (heard(again), again.headers["Idempotency-Replayed"]) == (heard(first), "true")
        assert film_a.post("/v1/tasks", json={}, headers={"Idempotency-Key": "k-1"}).status_code == 422
        other = film_a.post("/v1/tasks", json={"type": "system.echo"}, headers={"Idempotency-Key": "k-1"})
        assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")

    def test_it_is_what_was_said_then_whatever_this_version_would_say(
        self, film_a: httpx.Client, store: RecordStore
    ) -> None:
        first = submit(film_a)
        ask(store, "HSET", KEY, "answer", '{"id":"as an older version said it"}')
        assert submit(film_a).json() == {
            "id": "as an older version said it",
            "created_at": first.json()["created_at"],
        }

    def test_a_repeat_that_waits_hears_what_has_become_of_the_task(self, door: FrontDoor, film_a: httpx.Client) -> None:
        submit(film_a)
        door.worker.claims.finish(door.next_run(), DONE)
        again = submit(film_a, Prefer="wait=30")
        assert (again.status_code, again.json()["status"]) == (200, "succeeded")
        assert again.headers["Idempotency-Replayed"] == "true"

    def test_a_key_that_audit_had_to_find_again_answers_from_the_record(
        self, film_a: httpx.Client, store: RecordStore
    ) -> None:
        first = submit(film_a)
        ends_ms = ask(store, "PEXPIRETIME", KEY)
        store.client.delete(KEY)
        store.scripts.now_ms = real_ms(store)
        assert {find[:2] for find in walk(store)} == {("missing", "idem")}
        assert ask(store, "PEXPIRETIME", KEY) == ends_ms
        assert submit(film_a).json() == first.json()


class TestADay:
    def test_it_is_counted_from_the_first_submit_to_the_millisecond(self, store: RecordStore) -> None:
        store.submit(new_task("t", key="k-1"))
        store.pass_time(A_DAY_MS // 2)
        store.submit(new_task("repeat", key="k-1"))
        assert ask(store, "PEXPIRETIME", KEY) == store.task("t").created_at_ms + A_DAY_MS

    def test_then_the_key_is_as_good_as_new(self, store: RecordStore) -> None:
        store.scripts.now_ms = real_ms(store) - A_DAY_MS + 300
        store.submit(new_task("yesterday", key="k-1"))
        assert store.intake.submit(new_task("again", key="k-1")).task_id == "yesterday"
        wait_for(lambda: not ask(store, "EXISTS", KEY), within_s=5)
        store.scripts.now_ms = real_ms(store)
        today = store.intake.submit(replace(new_task("today", key="k-1"), request_sha256="another"))
        assert (today.task_id, today.replayed) == ("today", False)
        assert time.time() * 1000 - store.task("yesterday").created_at_ms >= A_DAY_MS
        assert walk(store) == set(), "the record of yesterday demands no key"

    def test_it_outlives_a_shorter_retention(self, store: RecordStore) -> None:
        store.submit(replace(new_task("t", key="k-1"), answer="as said"))
        store.claims.finish(store.claim_one(), DONE)
        sweep_all(store)
        receipt = store.intake.submit(new_task("again", key="k-1"))
        assert (receipt.task_id, receipt.task, receipt.answer, receipt.replayed) == ("t", None, "as said", True)
        with pytest.raises(IdempotencyConflict):
            store.intake.submit(replace(new_task("again", key="k-1"), request_sha256="another"))
        assert walk(store) == set()

    def test_a_key_that_lost_its_answer_goes_with_its_task(self, store: RecordStore) -> None:
        store.submit(new_task("t", key="k-1"))
        ask(store, "HDEL", KEY, "answer", "created_ms")
        store.intake.cancel("film-a", "t")
        sweep_all(store)
        assert not ask(store, "EXISTS", KEY)
