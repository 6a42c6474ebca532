"""A result of more than 16 kB lies in storage, compressed: the record, its story and its messages carry a pointer."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import zstandard
from adoption_room import OPEN, MoodyStorage
from front_door import KEYS, FrontDoor, front_door
from pydantic import SecretStr
from record_store import DONE, open_store
from run_room import RunRoom
from servers import SeaweedFs

from orchestrator.adapters.s3_storage import S3Storage
from orchestrator.adapters.zstd import Zstd
from orchestrator.client import Client
from orchestrator.domain.breaker import R2, Outcome, Permit
from orchestrator.domain.stored_result import MOST_INLINE_BYTES, RESULT_NAME, StoredResult, find_stored
from orchestrator.domain.task import Status
from orchestrator.local.loopback import pick_ports
from orchestrator.ports.storage import ObjectStorage
from orchestrator.settings import ApiSettings, FallbackSettings, RedisSettings, S3Settings, Settings
from orchestrator.wiring.api import build_api_parts
from orchestrator.wiring.breakers import build_breakers

LARGE = 2_500_000  # bytes, twice as many hexadecimal digits
FRAME = "bytes"


@pytest.fixture
def storage() -> MoodyStorage:
    return MoodyStorage()


@pytest.fixture
def room(redis_url: str, storage: MoodyStorage, tmp_path: Path) -> Iterator[RunRoom]:
    with open_store(redis_url) as store:
        yield RunRoom(store, tmp_path / "scratch", storage=storage)


@pytest.fixture
def door(redis_url: str, storage: ObjectStorage) -> Iterator[FrontDoor]:
    with front_door(redis_url, storage) as door:
        yield door


@pytest.fixture
def large(room: RunRoom) -> RunRoom:
    room.submit(params={"size_bytes": LARGE, "answer": True})
    room.execute()
    assert room.task.status is Status.SUCCEEDED
    return room


def test_no_key_of_the_store_holds_more_than_a_few_kilobytes(large: RunRoom) -> None:
    dump = json.loads(large.store.dump())
    assert max(len(json.dumps(value)) for value in dump.values()) < 4_000
    assert sum(len(json.dumps(value)) for value in dump.values()) < 12_000


def test_nor_while_the_result_waits_to_be_stored(room: RunRoom, storage: MoodyStorage) -> None:
    room.submit(params={"size_bytes": LARGE, "answer": True})
    storage.moods = [OPEN]
    room.execute()
    assert room.task.checkpoint is not None
    assert len(room.store.dump()) < 12_000
    room.store.pass_time(60_000)
    room.store.tick()
    room.execute()
    assert (room.task.status, room.task.epoch) == (Status.SUCCEEDED, 2)


def test_it_is_stored_compressed_under_the_runs_prefix_and_counts(large: RunRoom, storage: MoodyStorage) -> None:
    stored = find_stored(large.task.result)
    assert stored is not None
    assert stored.key.endswith(f"/1-run-1/{RESULT_NAME}")
    content = storage.objects[stored.key][0]
    assert len(content) == stored.stored_bytes < LARGE / 10
    assert json.loads(zstandard.decompress(content))["size_bytes"] == LARGE
    assert [artifact.name for artifact in large.task.outputs] == ["receipt.json"]
    kept = large.store.client.hgetall("orch:usage:film-a")["bytes"]
    assert int(kept) == sum(len(body) for body, _ in storage.objects.values())


def test_a_result_that_is_not_large_stays_in_the_record(room: RunRoom, storage: MoodyStorage) -> None:
    room.submit(params={"size_bytes": (MOST_INLINE_BYTES - 100) // 2, "answer": True})
    room.execute()
    assert room.task.result is not None
    assert FRAME in room.task.result
    assert not storage.objects


class TestOverHttp:
    def read(self, caller: httpx.Client, coding: str) -> httpx.Response:
        return caller.get("/v1/tasks/t/result", headers={"Accept-Encoding": coding}).raise_for_status()

    def test_the_task_says_where_it_is(self, large: RunRoom, film_a: httpx.Client) -> None:
        assert large.task.result
        view = film_a.get("/v1/tasks/t").json()
        assert (view["result"], view["result_url"]) == (None, "/v1/tasks/t/result")
        assert film_a.get("/v1/tasks").json()["items"][0]["result_url"] == "/v1/tasks/t/result"

    def test_so_does_its_story(self, large: RunRoom, film_a: httpx.Client) -> None:
        assert large.task.result
        story = film_a.get("/v1/tasks/t/events").text
        assert '"result_url":"/v1/tasks/t/result"' in story
        assert len(story) < 12_000

    @pytest.mark.parametrize(
        ("accepted", "coding"),
        [
            ("zstd", "zstd"),
            ("gzip, ZSTD; q=0.5", "zstd"),
            ("identity", None),
            ("gzip, zstd;q=0", None),
            ("zstd;q=0.000", None),
        ],
    )
    def test_it_comes_compressed_to_who_takes_that(
        self, large: RunRoom, film_a: httpx.Client, accepted: str, coding: str | None
    ) -> None:
        answer = self.read(film_a, accepted)
        assert answer.headers.get("Content-Encoding") == coding
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert (answer.num_bytes_downloaded < LARGE / 10) is bool(coding)
        assert answer.json()["size_bytes"] == len(answer.json()[FRAME]) // 2 == LARGE
        assert large.task.result

    def test_a_small_one_can_be_read_alone_too(self, room: RunRoom, film_a: httpx.Client) -> None:
        room.submit()
        assert self.read(film_a, "zstd").json() is None
        room.store.claims.finish(room.store.claim_one(), DONE)
        assert self.read(film_a, "zstd").json() == DONE.result

    def test_one_that_is_gone_is_not_found(self, large: RunRoom, storage: MoodyStorage, film_a: httpx.Client) -> None:
        assert large.task.result
        storage.objects.clear()
        assert film_a.get("/v1/tasks/t/result").status_code == 404

    def test_one_in_the_second_store_is_read_while_the_first_is_away(
        self, redis_url: str, s3_server: SeaweedFs
    ) -> None:
        second = FallbackSettings(
            endpoint=s3_server.endpoint,
            bucket=s3_server.bucket,
            access_key_id=s3_server.access_key_id,
            secret_access_key=SecretStr(s3_server.secret_access_key),
        )
        settings = Settings(
            redis=RedisSettings(url=SecretStr(redis_url)),
            s3=S3Settings(endpoint=f"http://127.0.0.1:{pick_ports(1)[0]}", access_key_id="k"),
            fallback=second,
            api=ApiSettings(key_pepper=SecretStr("a pepper of the tests")),
        )
        content, key = Zstd().compress(b'{"scenes":3}'), f"large/{RESULT_NAME}"
        S3Storage(s3_server.address).put(content, key, content_type="application/zstd")
        build_breakers(settings).report(Permit(R2), Outcome.DENIED)
        stored = StoredResult("", 12, len(content), key, store="fallback")
        assert b"".join(build_api_parts(settings).results.read(stored, as_stored=False)) == b'{"scenes":3}'

    def test_the_client_gives_the_result_as_if_it_were_small(self, large: RunRoom, door: FrontDoor) -> None:
        assert large.task.result
        with Client(door.url, KEYS["film-a"]) as client:
            for task in (client.get("t"), client.wait("t")):
                assert task.result is not None
                assert len(task.result[FRAME]) == 2 * LARGE
