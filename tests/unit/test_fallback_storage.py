"""What is stored while the store is away lies in the second one, under the same key."""

from pathlib import Path

import pytest
from fakes_breakers import FakeBreakers
from fakes_storage import MemoryStorage
from run_room import HandClock

from orchestrator.domain.breaker import R2, DependencyOpen, Outcome, Permit
from orchestrator.domain.errors import Category, InputNotFound, Unavailable
from orchestrator.wiring.fallback_storage import FallbackStorage
from orchestrator.wiring.guarded_storage import GuardedStorage

AWAY = Unavailable("away", service="storage", category=Category.STORAGE)


class Shelf:
    """Two stores, and the breaker before the first."""

    def __init__(self) -> None:
        self.first, self.second, self.breakers = MemoryStorage(), MemoryStorage(), FakeBreakers(HandClock())
        self.storage = FallbackStorage(GuardedStorage(self.first, self.breakers), self.second)

    def open(self) -> None:
        self.breakers.report(Permit(R2), Outcome.DENIED)

    def put(self, content: bytes = b"film") -> str:
        return self.storage.put(content, "key", content_type="video/mp4").store


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def test_nothing_goes_to_the_second_as_long_as_the_first_may_be_asked(shelf: Shelf) -> None:
    assert shelf.put() == ""
    shelf.first.failure = AWAY
    with pytest.raises(Unavailable):
        shelf.put()
    assert not shelf.second.objects


def test_while_it_is_open_everything_does_and_says_so(shelf: Shelf, tmp_path: Path) -> None:
    shelf.open()
    (tmp_path / "film").write_bytes(b"film")
    stored = shelf.storage.store(tmp_path / "film", "other", content_type="video/mp4")
    assert (shelf.put(), stored.store, stored.key) == ("fallback", "fallback", "other")
    assert (list(shelf.first.objects), sorted(shelf.second.objects)) == ([], ["key", "other"])


def test_when_both_are_away_the_task_waits_for_the_first(shelf: Shelf) -> None:
    shelf.open()
    shelf.second.failure = AWAY
    with pytest.raises(DependencyOpen):
        shelf.put()


def test_it_is_read_from_where_it_is(shelf: Shelf, tmp_path: Path) -> None:
    shelf.second.put(b"film", "key", content_type="video/mp4")
    found = shelf.storage.head("key")
    shelf.storage.fetch("key", tmp_path / "film", etag=found.etag, limit_bytes=4)
    assert (tmp_path / "film").read_bytes() == b"film"


def test_what_is_in_neither_is_what_the_first_says_of_it(shelf: Shelf) -> None:
    with pytest.raises(InputNotFound):
        shelf.storage.head("key")
    shelf.open()
    with pytest.raises(DependencyOpen):
        shelf.storage.head("key")


def test_both_are_swept(shelf: Shelf) -> None:
    for store in (shelf.first, shelf.second):
        store.put(b"film", "key", content_type="video/mp4")
    assert [found.key for found in shelf.storage.list("k")] == ["key", "key"]
    shelf.storage.delete("key")
    assert not shelf.first.objects
    assert not shelf.second.objects
