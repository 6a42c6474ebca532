"""`POST /v1/tasks:batch`: all tasks or none, in one step, and a refusal that names each task it is about."""

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest
import redis
from fakes_storage import MemoryStorage
from front_door import FrontDoor, front_door
from record_store import DONE, RecordStore, new_task, no_fsync, open_store, read_all, walk

from orchestrator.domain.batch import BatchRefused, NewBatch
from orchestrator.domain.limits import LaneLimits, Quotas
from orchestrator.domain.rate import Rate
from orchestrator.domain.task import NewTask, Priority
from orchestrator.ports.claims import Commit
from orchestrator.services.projects.admit import Rates

ECHO: Mapping[str, Any] = {"type": "system.echo"}
STILL = "projects/film-a/uploads/upload_1/still.png"
UPSCALE: Mapping[str, Any] = {"type": "image.upscale", "input": {"object": STILL}}


class CountingStorage(MemoryStorage):
    """Counts looks at objects."""

    def __init__(self) -> None:
        super().__init__({STILL: (b"pixels", "image/png")})
        self.looks: list[str] = []

    def head(self, key: str) -> Any:  # noqa: ANN401 - as the fake has it
        self.looks.append(key)
        return super().head(key)


@pytest.fixture
def storage() -> CountingStorage:
    return CountingStorage()


def submit(caller: httpx.Client, tasks: Sequence[Mapping[str, Any]], *, key: str = "") -> httpx.Response:
    return caller.post("/v1/tasks:batch", json={"tasks": tasks}, headers={"Idempotency-Key": key} if key else {})


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 202, answer.text
    return [item["id"] for item in answer.json()["items"]]


class TestOverHttp:
    def test_all_are_recorded_as_by_a_submit_each_and_in_order(self, door: FrontDoor, film_a: httpx.Client) -> None:
        labelled = [{**ECHO, "labels": {"shot": str(number)}} for number in range(20)]
        answer = submit(film_a, [*labelled, UPSCALE])
        made = [film_a.get(item["links"]["self"]).json() for item in answer.json()["items"]]
        assert [task["labels"].get("shot") for task in made] == [*map(str, range(20)), None]
        assert {task["created_at"] for task in made} == {answer.json()["created_at"]}
        alone = film_a.post("/v1/tasks", json=UPSCALE).json()
        assert made[-1]["input"] == alone["input"]
        assert made[-1]["params"] == alone["params"]
        assert sorted(door.bells.rung) == ["image", "image", "io"], "a lane is rung once for a batch"
        assert door.worker.claim("io").task.id == made[0]["id"]

    def test_a_thousand_at_once_and_not_one_more(self, film_a: httpx.Client) -> None:
        made = ids(submit(film_a, [ECHO] * 1000))
        assert len(set(made)) == 1000
        assert made == sorted(made)
        for tasks in ([ECHO] * 1001, []):
            assert submit(film_a, tasks).json()["code"] == "invalid_request"

    def test_each_that_is_at_fault_is_named_and_none_is_recorded(self, door: FrontDoor, film_a: httpx.Client) -> None:
        refused = submit(
            film_a,
            [
                ECHO,
                {**ECHO, "params": {"size_bytes": 0, "x": 1}},
                {"type": "image.sharpen"},
                UPSCALE,
                {"type": "image.upscale", "input": {"object": STILL + ".none"}},
            ],
        )
        problem = refused.json()
        assert (refused.status_code, problem["code"]) == (422, "batch_invalid")
        assert [(flaw["field"], flaw["code"]) for flaw in problem["errors"]] == [
            ("tasks.1.params.size_bytes", "invalid_params"),
            ("tasks.1.params.x", "invalid_params"),
            ("tasks.2", "unknown_task_type"),
            ("tasks.4", "input_not_found"),
        ]
        assert film_a.get("/v1/tasks").json()["items"] == []
        assert door.bells.rung == []

    def test_a_shape_that_is_wrong_names_the_task_too(self, film_a: httpx.Client) -> None:
        problem = submit(film_a, [ECHO, {**ECHO, "priority": "urgent"}]).json()
        assert (problem["code"], problem["errors"][0]["field"]) == ("invalid_request", "tasks.1.priority")

    def test_an_input_that_many_share_is_looked_at_once(self, film_a: httpx.Client, storage: CountingStorage) -> None:
        ids(submit(film_a, [UPSCALE, *([{**UPSCALE, "params": {"scale": 2}}] * 30)]))
        assert 1 <= len(storage.looks) <= 16, "once for each of those who look at the same time"

    def test_what_has_no_room_is_named_and_the_key_is_unused(self, film_a: httpx.Client, redis_url: str) -> None:
        with redis.Redis.from_url(redis_url) as client:
            client.hset("orch:project:film-a", "max_queued", "3")
            film_a.post("/v1/tasks", json=ECHO)
            refused = submit(film_a, [ECHO] * 4, key="k-1")
            problem = refused.json()
            assert (refused.status_code, problem["code"]) == (429, "batch_refused")
            assert int(refused.headers["Retry-After"]) >= problem["retry_after_s"] > 0
            named = [(flaw["field"], flaw["code"]) for flaw in problem["errors"]]
            assert named == [("tasks.2", "quota_exceeded"), ("tasks.3", "quota_exceeded")]
            assert "3 tasks queued" in problem["errors"][0]["message"]
            assert len(film_a.get("/v1/tasks").json()["items"]) == 1
            assert len(ids(submit(film_a, [ECHO] * 2, key="k-1"))) == 2

    def test_it_costs_a_unit_for_each_task_beside_the_call(self, redis_url: str) -> None:
        rates = Rates(key=Rate(0.01, 100))
        with front_door(redis_url, MemoryStorage(), rates=rates) as door, door.caller() as caller:
            assert submit(caller, [ECHO] * 40).headers["RateLimit-Remaining"] == str(100 - 3 - 40)
            refused = submit(caller, [ECHO] * 80)
            assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
            assert submit(caller, [ECHO] * 20).status_code == 202


class TestKeys:
    def test_a_repeat_gets_the_first_answer_to_the_byte(self, door: FrontDoor, film_a: httpx.Client) -> None:
        first, again = submit(film_a, [ECHO, ECHO], key="k-1"), submit(film_a, [ECHO, ECHO], key="k-1")
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert "Idempotency-Replayed" not in first.headers
        assert again.headers["Idempotency-Replayed"] == "true"
        assert len(film_a.get("/v1/tasks").json()["items"]) == 2
        assert door.bells.rung == ["io"]

    def test_another_batch_or_a_submit_with_the_key_is_a_conflict(self, film_a: httpx.Client) -> None:
        submit(film_a, [ECHO, ECHO], key="k-1")
        key = {"Idempotency-Key": "k-1"}
        others = [submit(film_a, [ECHO], key="k-1"), film_a.post("/v1/tasks", json=ECHO, headers=key)]
        film_a.post("/v1/tasks", json=ECHO, headers={"Idempotency-Key": "k-2"})
        others.append(submit(film_a, [ECHO], key="k-2"))
        assert [answer.json()["code"] for answer in others] == ["idempotency_conflict"] * 3

    def test_twenty_at_once_make_one_batch(self, film_a: httpx.Client) -> None:
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: submit(film_a, [ECHO] * 5, key="k-1"), range(20)))
        assert len({answer.content for answer in answers}) == 1
        assert len(film_a.get("/v1/tasks").json()["items"]) == 5


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with no_fsync(redis_url), open_store(redis_url) as opened:
        yield opened


def limited(store: RecordStore, quotas: Quotas = Quotas(), *, lanes: LaneLimits = LaneLimits()) -> RecordStore:  # noqa: B008 - frozen
    return RecordStore(store.scripts, store.lease_ms, quotas, lanes)


def batch(*tasks: NewTask, key: str | None = None) -> NewBatch:
    return NewBatch("film-a", tasks, "same", key, '{"items":[]}')


def tasks(number: int, *, first: int = 0) -> list[NewTask]:
    return [new_task(f"t{index:03}") for index in range(first, first + number)]


def refused(store: RecordStore, asked: NewBatch) -> Mapping[str, str | None]:
    before = read_all(store.client)
    with pytest.raises(BatchRefused) as found:
        store.intake.submit_batch(asked)
    assert read_all(store.client) == before, "a refusal leaves nothing"
    return {flaw.field: flaw.code for flaw in found.value.fields}


class TestScript:
    def test_the_store_is_as_after_a_submit_of_each(self, store: RecordStore) -> None:
        late = replace(new_task("late", start_by_s=60), priority=Priority.LOW, lane="video")
        asked = [*tasks(5), late, replace(new_task("large"), predicted_s=9.5, input={"object": "o", "size_bytes": 7})]
        store.intake.submit_batch(batch(*asked))
        at_once = without_cursors(read_all(store.client))
        store.client.eval("redis.call('FLUSHALL')", 0)
        store.submit(*asked)
        assert at_once == without_cursors(read_all(store.client))
        assert walk(store) == set()

    def test_sent_again_it_does_and_says_the_same(self, store: RecordStore) -> None:
        for asked in (batch(*tasks(3), key="k-1"), batch(*tasks(3, first=10))):
            first = store.intake.submit_batch(asked)
            before = read_all(store.client)
            store.pass_time(5_000)
            again = store.intake.submit_batch(asked)
            assert (again.created_at_ms, again.answer) == (first.created_at_ms, first.answer)
            assert read_all(store.client) == before

    def test_each_is_admitted_as_if_those_before_it_waited_already(self, store: RecordStore) -> None:
        full = limited(store, lanes=LaneLimits(tasks=2))
        film = [replace(task, lane="video") for task in tasks(1, first=50)]
        assert refused(full, batch(*tasks(3), *film)) == {"tasks.2": "queue_full"}
        full.intake.submit_batch(batch(*tasks(2), *film))

    def test_a_batch_that_would_wait_too_long_is_refused_from_where_it_would(self, store: RecordStore) -> None:
        store.submit(*tasks(12, first=100))
        for _ in range(10):
            run = store.claim_one()
            store.pass_time(1_000)
            store.claims.finish(run, replace_cost(1.0))
        slow = limited(store, lanes=LaneLimits(wait_s=10.5))
        named = refused(slow, batch(*tasks(20)))
        assert list(named) == [f"tasks.{index}" for index in range(9, 20)], "two seconds wait already"
        slow.intake.submit_batch(batch(*tasks(9)))

    def test_what_has_a_key_outlives_its_tasks(self, store: RecordStore) -> None:
        first = store.intake.submit_batch(batch(*tasks(2), key="k-1"))
        for name in ("t000", "t001"):
            store.intake.cancel("film-a", name)
        store.pass_time(4_000_000)
        for swept in store.upkeep.condemn(limit=10):
            store.upkeep.purge(swept.task_id)
        replayed = store.intake.submit_batch(batch(*tasks(2, first=20), key="k-1"))
        assert (replayed.answer, replayed.replayed) == (first.answer, True)


def replace_cost(seconds: float) -> Commit:
    return replace(DONE, actual_s=seconds)


def without_cursors(dump: str) -> str:
    """The ids of a project's story tell the time of the server."""
    return re.sub(r"\d{13}-\d+", "cursor", dump)
