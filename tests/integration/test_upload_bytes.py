"""Bytes of uploads count for their project from the offer on, until nothing is there any more. On the real scripts."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import pytest
from broken_store import carry_out
from fakes_parts import MemoryParts
from fakes_storage import MemoryStorage
from record_store import DONE, RETENTION_MS, RecordStore, new_task, open_store, walk

from orchestrator.adapters.redis.uploads import RedisUploads
from orchestrator.domain.errors import Category, Unavailable
from orchestrator.domain.limits import Quotas
from orchestrator.domain.overload import QuotaExceeded
from orchestrator.domain.project import Project
from orchestrator.domain.task import Artifact
from orchestrator.domain.upload import UploadSizes
from orchestrator.ports.storage import ObjectInfo
from orchestrator.services.upkeep.sweep import Sweep
from orchestrator.services.uploads.continue_upload import ContinueUpload
from orchestrator.services.uploads.end_offers import EndOffers
from orchestrator.services.uploads.offer_upload import LAST_BYTES_S, NewUpload, OfferUpload
from orchestrator.telemetry import build_queue_metrics

QUOTA = 1_000
URL_S, OPEN_S = 60.0, 1_800.0
FILM_A, FILM_B = Project("film-a"), Project("film-b")
SIZES = UploadSizes(one_put_bytes=500, part_bytes=100)


class Room:
    """A store in which each project may keep a thousand bytes, and everything that offers and sweeps uploads."""

    def __init__(self, store: RecordStore) -> None:
        self.store, self.storage = store, MemoryStorage()
        self.ids = iter(range(1_000))
        parts, uploads = MemoryParts(self.storage), RedisUploads(store.client, expires_s=OPEN_S)
        self.going_on = ContinueUpload(self.storage, parts, store.uploads, uploads, URL_S)
        self.offering = OfferUpload(
            self.storage, parts, store.uploads, uploads, self.new_id, URL_S, OPEN_S, sizes=SIZES
        )

    def new_id(self, kind: str) -> str:
        return f"{kind}_{next(self.ids):03}"

    def offer(self, size_bytes: int, *, project: Project = FILM_A) -> str:
        """The key of an upload that was offered."""
        return self.offering.offer(project, NewUpload("a.png", "image/png", size_bytes)).upload.key

    def arrive(self, key: str) -> None:
        self.storage.objects[key] = (b"...", "image/png")

    def pass_time(self, seconds: float) -> None:
        self.store.pass_time(int(seconds * 1000))
        EndOffers(self.store.upkeep, self.storage).tick()
        Sweep(self.store.upkeep, self.storage, build_queue_metrics()).tick()

    def kept(self, project: str = "film-a") -> int:
        """What counts for the project, and that audit would not count otherwise."""
        assert walk(self.store) == set()
        return int(self.store.client.hget(f"orch:usage:{project}", "upload_bytes") or 0)


@pytest.fixture
def room(redis_url: str) -> Iterator[Room]:
    with open_store(redis_url, quotas=Quotas(max_bytes=QUOTA)) as store:
        yield Room(store)


def test_an_offer_that_does_not_fit_is_refused_before_anything_is_signed(room: Room) -> None:
    room.offer(400)
    room.offer(600)
    before = room.store.dump()
    with pytest.raises(QuotaExceeded, match="more than the 1000 bytes") as refused:
        room.offer(1)
    assert refused.value.retry_after_s >= 1
    assert room.store.dump() == before
    room.offer(1, project=FILM_B)


def test_artifacts_and_uploads_share_the_quota(room: Room) -> None:
    store = room.store
    store.submit(new_task("t1"))
    made = Artifact("a", "projects/film-a/tasks/t1/a", "image/png", 600, "ab12")
    store.claims.finish(store.claim_one(), replace(DONE, outputs=(made,)))
    with pytest.raises(QuotaExceeded):
        room.offer(401)
    room.offer(400)
    with pytest.raises(QuotaExceeded):
        store.submit(new_task("t2"))


def test_many_at_once_never_exceed_it(room: Room) -> None:
    def try_to_offer(_number: int) -> None:
        with suppress(QuotaExceeded):
            room.offer(150)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(try_to_offer, range(24)))
    assert room.kept() == 900


def test_what_never_comes_counts_until_its_url_has_ended(room: Room) -> None:
    key = room.offer(400)
    room.pass_time(URL_S + LAST_BYTES_S - 1)
    assert room.kept() == 400
    room.pass_time(1)
    assert room.kept() == 0
    room.arrive(key)  # by a miracle
    room.pass_time(RETENTION_MS / 1000)
    assert not room.storage.objects


def test_what_has_come_counts_until_it_is_swept(room: Room) -> None:
    used, unused = room.offer(400), room.offer(500)
    room.arrive(used)
    room.arrive(unused)
    room.store.submit(replace(new_task("t"), input={"object": used}))
    room.pass_time(URL_S + LAST_BYTES_S)
    assert room.kept() == 900
    room.pass_time(RETENTION_MS / 1000 - URL_S - LAST_BYTES_S)
    assert (room.kept(), set(room.storage.objects)) == (0, set())


def test_an_upload_in_parts_counts_for_as_long_as_it_can_be_continued(room: Room) -> None:
    room.offer(900)
    room.pass_time(OPEN_S + LAST_BYTES_S - 1)
    assert room.kept() == 900
    room.pass_time(1)
    assert room.kept() == 0


def test_one_in_parts_that_is_aborted_counts_no_longer_one_in_one_piece_while_its_url_lives(room: Room) -> None:
    whole, in_parts = room.offer(300), room.offer(600)
    for key in (whole, in_parts):
        room.going_on.abort(FILM_A, key.split("/")[3])
    assert room.kept() == 300
    room.pass_time(URL_S + LAST_BYTES_S)
    assert room.kept() == 0


def test_what_was_stored_for_a_task_goes_soon_if_no_task_has_taken_it_up(room: Room) -> None:
    taken, left = "projects/film-a/uploads/1/inline.png", "projects/film-a/uploads/2/inline.png"
    for key in (taken, left):
        room.store.uploads.reserve_for_task(key, size_bytes=200, ends_in_s=LAST_BYTES_S)
        room.arrive(key)
    room.store.submit(replace(new_task("t"), input={"object": taken}))
    room.pass_time(LAST_BYTES_S)
    assert (room.kept(), set(room.storage.objects)) == (200, {taken})
    room.pass_time(RETENTION_MS / 1000)
    assert (room.kept(), set(room.storage.objects)) == (0, set())


class AwayStorage(MemoryStorage):
    """Knows nothing while it is away."""

    is_away = True

    def head(self, key: str) -> ObjectInfo:
        if self.is_away:
            raise Unavailable("the storage is away", service="storage", category=Category.STORAGE)
        return super().head(key)


def test_nothing_is_given_back_on_a_guess(room: Room) -> None:
    key = room.offer(400)
    room.storage = storage = AwayStorage()
    room.arrive(key)
    room.pass_time(URL_S + LAST_BYTES_S)
    assert room.kept() == 400
    storage.is_away = False
    room.pass_time(1)
    assert room.kept() == 400
    assert room.store.upkeep.ended_offers(limit=1) == ()


@pytest.mark.parametrize("command", ["reserve", "give_back"])
def test_a_command_sent_twice_counts_once(room: Room, command: str) -> None:
    key = room.offer(400)
    if command == "reserve":
        room.store.uploads.reserve(key, size_bytes=400, ends_in_s=URL_S)
        assert room.kept() == 400
    else:
        room.store.uploads.give_back(key)
        room.store.uploads.give_back(key)
        assert room.kept() == 0


@pytest.mark.parametrize("delta", [-50, 50])
def test_audit_finds_a_sum_that_is_not_that_of_the_uploads(room: Room, delta: int) -> None:
    for _ in range(9):
        room.offer(100)
    carry_out(room.store, f"HINCRBY orch:usage:film-a upload_bytes {delta}")
    assert walk(room.store) == {("drift", "usage", "film-a")}
    assert room.kept() == 900


def test_audit_gives_back_what_nobody_would_sweep(room: Room) -> None:
    lost, stays = room.offer(300), room.offer(200)
    carry_out(room.store, f"ZREM orch:uploads {lost}")
    carry_out(room.store, f"ZREM orch:offers {lost}")
    assert walk(room.store) == {("stray", "kept", lost)}
    assert room.kept() == 200
    room.store.uploads.give_back(stays)
    assert room.kept() == 0
    assert not room.store.client.hgetall("orch:usage:film-a")


def test_what_comes_and_goes_during_the_walk_is_counted_right(redis_url: str) -> None:
    with open_store(redis_url) as store:
        room, offered = Room(store), list[str]()
        for number in range(60):
            offered.append(room.offer(100))
            if number % 4 == 0:
                store.uploads.give_back(offered[number // 4])
            assert store.upkeep.audit(limit=9).finds == ()
        assert room.kept() == 4_500
