"""The promises of `ports/api_keys.py` and `ports/projects.py`, on the real store with its clock in the test's hand."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import redis
from record_store import RecordStore, open_store, walk

from orchestrator.adapters.redis.api_keys import RedisApiKeys
from orchestrator.adapters.redis.projects import RedisProjects
from orchestrator.domain.api_key import NewKey, Scope
from orchestrator.domain.errors import KeyNotFound, ProjectExists, ProjectNotFound, TooManyKeys
from orchestrator.domain.project import Project

DAY_MS = 86_400_000
WRITE = frozenset({Scope.TASKS_WRITE})


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        yield opened


@pytest.fixture
def keys(store: RecordStore) -> RedisApiKeys:
    return RedisApiKeys(store.scripts)


@pytest.fixture
def projects(store: RecordStore) -> RedisProjects:
    return RedisProjects(store.scripts)


def new_key(name: str, *, purpose: str = "farm", expires_in_s: float | None = None) -> NewKey:
    return NewKey(name, "film-a", purpose, scopes=WRITE, mac=f"mac of {name}", expires_in_s=expires_in_s)


class TestCreate:
    def test_a_key_is_recorded_with_its_project(
        self, store: RecordStore, keys: RedisApiKeys, projects: RedisProjects
    ) -> None:
        made = keys.create(new_key("k1"))
        assert (made.id, made.project, made.name, made.scopes, made.is_live) == ("k1", "film-a", "farm", WRITE, True)
        assert (made.created_at_ms, made.expires_at_ms, made.last_used_at_ms) == (store.now_ms, None, None)
        assert projects.get("film-a") == Project("film-a", created_at_ms=store.now_ms)

    def test_a_project_that_is_there_stays_as_it_is(
        self, store: RecordStore, keys: RedisApiKeys, projects: RedisProjects
    ) -> None:
        before = projects.create(Project("film-a", weight=3))
        store.pass_time(1)
        keys.create(new_key("k1"))
        assert projects.get("film-a") == before

    def test_two_live_keys_of_a_name_are_the_most(self, keys: RedisApiKeys) -> None:
        keys.create(new_key("k1"))
        keys.create(new_key("k2"))
        with pytest.raises(TooManyKeys):
            keys.create(new_key("k3"))
        keys.create(new_key("k4", purpose="editors"))
        keys.create(replace(new_key("k5"), project="film-b"))

    def test_a_key_that_died_makes_room(self, store: RecordStore, keys: RedisApiKeys) -> None:
        keys.create(new_key("k1", expires_in_s=60))
        keys.create(new_key("k2"))
        keys.revoke("k2")
        keys.create(new_key("k3"))
        store.pass_time(60_000)
        keys.create(new_key("k4"))
        with pytest.raises(TooManyKeys):
            keys.create(new_key("k5"))

    def test_of_twenty_at_once_two_are_made(self, keys: RedisApiKeys) -> None:
        def attempt(number: int) -> bool:
            try:
                keys.create(new_key(f"k{number}"))
            except TooManyKeys:
                return False
            return True

        with ThreadPoolExecutor(20) as pool:
            assert sum(pool.map(attempt, range(20))) == 2

    def test_the_same_again_after_a_lost_reply_is_the_same_key(self, store: RecordStore, keys: RedisApiKeys) -> None:
        first = keys.create(new_key("k1"))
        keys.create(new_key("k2"))
        before = store.dump()
        assert keys.create(new_key("k1")) == first
        assert store.dump() == before


class TestFind:
    def test_a_live_key_comes_with_its_project_as_it_is_now(self, keys: RedisApiKeys, projects: RedisProjects) -> None:
        keys.create(new_key("k1"))
        projects.change("film-a", {"weight": 3, "cdn_url": "https://cdn.example/a"})
        found = keys.find("k1")
        assert found is not None
        assert (found.mac, found.scopes, found.live_for_s) == ("mac of k1", WRITE, None)
        assert (found.project.slug, found.project.weight, found.project.cdn_url) == (
            "film-a",
            3.0,
            "https://cdn.example/a",
        )

    def test_what_is_left_of_its_life_is_told(self, store: RecordStore, keys: RedisApiKeys) -> None:
        keys.create(new_key("k1", expires_in_s=60))
        store.pass_time(59_000)
        found = keys.find("k1")
        assert found is not None
        assert found.live_for_s == 1
        store.pass_time(1_000)
        assert keys.find("k1") is None, "its life is over to the millisecond"

    def test_neither_unknown_nor_revoked_keys_are_found(self, keys: RedisApiKeys) -> None:
        keys.create(new_key("k1"))
        keys.revoke("k1")
        assert keys.find("k1") is None
        assert keys.find("k2") is None


class TestList:
    def test_the_keys_of_a_project_oldest_first_with_the_dead(self, store: RecordStore, keys: RedisApiKeys) -> None:
        for name in ("k1", "k2"):
            keys.create(new_key(name))
        keys.create(replace(new_key("k0"), project="film-b"))
        keys.revoke("k1")
        assert [(key.id, key.is_live, key.revoked_at_ms) for key in keys.list("film-a")] == [
            ("k1", False, store.now_ms),
            ("k2", True, None),
        ]

    def test_a_project_that_is_not_there_has_no_list(self, keys: RedisApiKeys) -> None:
        with pytest.raises(ProjectNotFound):
            keys.list("film-a")

    def test_the_dead_are_forgotten_after_30_days(self, store: RecordStore, keys: RedisApiKeys) -> None:
        keys.create(new_key("k1"))
        keys.create(new_key("k2", expires_in_s=60))
        keys.revoke("k1")
        assert 29 * DAY_MS < store.client.pttl("orch:key:k1") <= 30 * DAY_MS
        forgotten_ms = store.client.eval("return redis.call('PEXPIRETIME', 'orch:key:k2')", 0)
        assert forgotten_ms == store.now_ms + 60_000 + 30 * DAY_MS
        store.client.eval("return redis.call('DEL', 'orch:key:k1')", 0)  # the store's own clock has not moved
        assert [key.id for key in keys.list("film-a")] == ["k2"]
        keys.create(new_key("k3"))
        assert store.client.eval("return redis.call('SCARD', 'orch:keys:film-a')", 0) == 2


class TestRevoke:
    def test_again_is_harmless_and_keeps_the_first_time(self, store: RecordStore, keys: RedisApiKeys) -> None:
        keys.create(new_key("k1"))
        first = keys.revoke("k1")
        store.pass_time(1_000)
        assert keys.revoke("k1") == first
        assert not first.is_live

    def test_what_is_not_there_cannot_be_revoked(self, keys: RedisApiKeys) -> None:
        with pytest.raises(KeyNotFound):
            keys.revoke("k1")

    def test_it_works_in_a_full_store(self, redis_url: str, keys: RedisApiKeys, projects: RedisProjects) -> None:
        keys.create(new_key("k1"))
        with redis.Redis.from_url(redis_url) as client:
            client.config_set("maxmemory", "1")
            try:
                assert not keys.revoke("k1").is_live
                assert projects.ensure("studio").slug == "studio"
            finally:
                client.config_set("maxmemory", "0")


def test_use_is_noted_once_a_minute(store: RecordStore, keys: RedisApiKeys) -> None:
    keys.create(new_key("k1"))
    noted = []
    for _ in range(3):
        keys.touch("k1")
        noted.append(keys.list("film-a")[0].last_used_at_ms)
        store.pass_time(30_000)
    start_ms = store.now_ms - 90_000
    assert noted == [start_ms, start_ms, start_ms + 60_000]
    keys.touch("nobody")
    assert store.client.hgetall("orch:key:nobody") == {}


class TestProjects:
    def test_of_one_slug_there_is_one(self, projects: RedisProjects) -> None:
        made = projects.create(Project("film-a", weight=2.5, max_running=8, max_bytes=10**15, requests_per_s=0.5))
        assert projects.get("film-a") == made
        assert (made.weight, made.max_running, made.max_bytes, made.requests_per_s) == (2.5, 8, 10**15, 0.5)
        with pytest.raises(ProjectExists):
            projects.create(Project("film-a"))
        assert projects.get("film-a") == made

    def test_ensure_makes_one_and_leaves_one_alone(self, projects: RedisProjects) -> None:
        assert projects.ensure("film-a") == projects.get("film-a")
        changed = projects.change("film-a", {"weight": 3})
        assert projects.ensure("film-a") == changed

    def test_limits_that_were_set_before_stay(self, store: RecordStore, projects: RedisProjects) -> None:
        store.client.eval("return redis.call('HSET', 'orch:project:film-a', 'weight', 3, 'of_a_newer_version', 1)", 0)
        assert projects.ensure("film-a").weight == 3

    def test_a_change_leaves_the_other_fields(self, projects: RedisProjects) -> None:
        projects.create(Project("film-a", weight=2, max_running=8, burst=5))
        changed = projects.change("film-a", {"max_running": None, "burst": 6})
        assert (changed.weight, changed.max_running, changed.burst) == (2, None, 6)

    def test_what_is_not_there(self, projects: RedisProjects) -> None:
        with pytest.raises(ProjectNotFound):
            projects.get("film-a")
        with pytest.raises(ProjectNotFound):
            projects.change("film-a", {"weight": 3})

    def test_pages_follow_one_another_by_slug(self, projects: RedisProjects) -> None:
        for slug in ("film-b", "film-a", "film-c"):
            projects.create(Project(slug))
        first = projects.list(limit=2)
        assert [project.slug for project in first.items] == ["film-a", "film-b"]
        rest = projects.list(limit=2, cursor=first.next)
        assert ([project.slug for project in rest.items], rest.next) == (["film-c"], None)


def test_audit_has_nothing_to_say_of_keys_and_projects(store: RecordStore, keys: RedisApiKeys) -> None:
    keys.create(new_key("k1"))
    assert walk(store) == set()
