"""The promises of `ports/webhooks.py`, on the real store with its clock in the test's hand."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import redis
from record_store import RecordStore, open_store, walk

from orchestrator.adapters.aes_seal import AesSeal
from orchestrator.adapters.redis.webhooks import RedisWebhooks
from orchestrator.domain.errors import Unavailable
from orchestrator.domain.webhook import (
    Endpoint,
    EndpointChange,
    EventType,
    Receiver,
    Secrets,
    TooManyWebhooks,
    WebhookNotFound,
    render_secret,
)

OLD, NEW, NEWER = b"o" * 32, b"n" * 32, b"w" * 32
HOOK = Receiver("https://hooks.example/a?b=c d", "hooks.example", (EventType.FAILED, EventType.PROGRESS))


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        yield opened


@pytest.fixture
def webhooks(store: RecordStore) -> RedisWebhooks:
    return RedisWebhooks(store.scripts, AesSeal(b"pepper"))


def endpoint(name: str, project: str = "film-a") -> Endpoint:
    return Endpoint(name, project, HOOK, "dailies")


def destinations(store: RecordStore, project: str = "film-a") -> dict[str, str]:
    """What the events of the project's tasks find."""
    return dict(store.client.hgetall(f"orch:endpoints:{project}"))


class TestCreate:
    def test_it_is_found_with_its_secret(self, store: RecordStore, webhooks: RedisWebhooks) -> None:
        made = webhooks.create(endpoint("whk_1"), OLD, most=1)
        assert made == replace(endpoint("whk_1"), created_at_ms=store.now_ms)
        found = webhooks.unseal("film-a", "whk_1")
        assert (found.endpoint, found.secrets, found.at_ms) == (made, Secrets(OLD), store.now_ms)

    def test_events_of_the_projects_tasks_find_it(self, store: RecordStore, webhooks: RedisWebhooks) -> None:
        webhooks.create(endpoint("whk_1"), OLD, most=1)
        assert destinations(store) == {"webhook:whk_1": "webhook:hooks.example failed progress"}
        assert destinations(store, "film-b") == {}

    def test_a_project_has_so_many_at_most(self, webhooks: RedisWebhooks) -> None:
        def attempt(number: int) -> bool:
            try:
                webhooks.create(endpoint(f"whk_{number}"), OLD, most=2)
            except TooManyWebhooks:
                return False
            return True

        with ThreadPoolExecutor(10) as pool:
            assert sum(pool.map(attempt, range(10))) == 2
        webhooks.create(endpoint("whk_b", "film-b"), OLD, most=2)
        webhooks.delete("film-a", webhooks.list("film-a")[0].id)
        webhooks.create(endpoint("whk_c"), OLD, most=2)

    def test_the_same_again_after_a_lost_reply_is_the_same_endpoint(
        self, store: RecordStore, webhooks: RedisWebhooks
    ) -> None:
        first = webhooks.create(endpoint("whk_1"), OLD, most=1)
        before = store.dump()
        assert webhooks.create(endpoint("whk_1"), OLD, most=1) == first
        assert store.dump() == before

    def test_the_store_holds_no_secret_that_can_be_read(self, store: RecordStore, webhooks: RedisWebhooks) -> None:
        webhooks.create(endpoint("whk_1"), OLD, most=1)
        webhooks.own_secrets("film-a", otherwise=NEW)
        kept = f"{store.client.hgetall('orch:webhook:whk_1')} {store.client.hgetall('orch:signing:film-a')}"
        for secret in (OLD, NEW):
            assert secret.decode() not in kept
            assert render_secret(secret).removeprefix("whsec_")[:20] not in kept


def test_a_list_is_of_one_project_oldest_first(webhooks: RedisWebhooks) -> None:
    for name in ("whk_2", "whk_1"):
        webhooks.create(endpoint(name), OLD, most=9)
    webhooks.create(endpoint("whk_0", "film-b"), OLD, most=9)
    assert [each.id for each in webhooks.list("film-a")] == ["whk_1", "whk_2"]
    assert webhooks.list("film-c") == ()


class TestChange:
    def test_what_is_not_named_stays(self, store: RecordStore, webhooks: RedisWebhooks) -> None:
        made = webhooks.create(endpoint("whk_1"), OLD, most=1)
        there = Receiver("https://b.example/", "b.example", (EventType.SUCCEEDED,))
        assert webhooks.change("film-a", "whk_1", change=EndpointChange()) == made
        assert webhooks.change("film-a", "whk_1", change=EndpointChange(there)) == replace(made, receiver=there)
        described = webhooks.change("film-a", "whk_1", change=EndpointChange(description=""))
        assert described == replace(made, receiver=there, description="") == webhooks.get("film-a", "whk_1")
        assert destinations(store) == {"webhook:whk_1": "webhook:b.example succeeded"}

    def test_one_that_is_disabled_is_not_found_by_events_until_it_is_enabled(
        self, store: RecordStore, webhooks: RedisWebhooks
    ) -> None:
        made = webhooks.create(endpoint("whk_1"), OLD, most=1)
        found = destinations(store)
        disabled = webhooks.change("film-a", "whk_1", change=EndpointChange(disabled_reason="gone"))
        assert (disabled.disabled_reason, destinations(store)) == ("gone", {})
        webhooks.change("film-a", "whk_1", change=EndpointChange(description="still"))
        assert destinations(store) == {}
        enabled = webhooks.change("film-a", "whk_1", change=EndpointChange(disabled_reason=""))
        assert enabled == replace(made, description="still")
        assert destinations(store) == found


class TestRotate:
    def test_the_old_secret_signs_beside_the_new_one_for_a_while(
        self, store: RecordStore, webhooks: RedisWebhooks
    ) -> None:
        webhooks.create(endpoint("whk_1"), OLD, most=1)
        until_ms = store.now_ms + 60_000
        assert webhooks.rotate("film-a", "whk_1", secret=NEW, overlap_s=60) == Secrets(NEW, OLD, until_ms)
        store.pass_time(59_999)
        found = webhooks.unseal("film-a", "whk_1")
        assert (found.secrets.valid, found.endpoint.two_secrets_until_ms) == ((NEW, OLD), until_ms)
        store.pass_time(1)
        found = webhooks.unseal("film-a", "whk_1")
        assert (found.secrets.valid, found.endpoint.two_secrets_until_ms) == ((NEW,), None)

    def test_without_overlap_the_old_one_ends_at_once(self, webhooks: RedisWebhooks) -> None:
        webhooks.create(endpoint("whk_1"), OLD, most=1)
        assert webhooks.rotate("film-a", "whk_1", secret=NEW, overlap_s=0).valid == (NEW,)

    def test_two_are_the_most(self, webhooks: RedisWebhooks) -> None:
        webhooks.create(endpoint("whk_1"), OLD, most=1)
        webhooks.rotate("film-a", "whk_1", secret=NEW, overlap_s=60)
        assert webhooks.rotate("film-a", "whk_1", secret=NEWER, overlap_s=60).valid == (NEWER, NEW)

    def test_a_command_that_is_repeated_does_not_push_the_old_one_out(
        self, store: RecordStore, webhooks: RedisWebhooks
    ) -> None:
        webhooks.create(endpoint("whk_1"), OLD, most=1)
        given = {"id": "whk_1", "project": "film-a", "secret": AesSeal(b"pepper").close(NEW, owner="whk_1")}
        for _ in range(2):
            store.scripts.run("rotate_secret", {**given, "overlap_ms": 60_000})
        assert webhooks.unseal("film-a", "whk_1").secrets.valid == (NEW, OLD)


class TestAnotherPepper:
    @pytest.fixture
    def moved(self, store: RecordStore) -> RedisWebhooks:
        return RedisWebhooks(store.scripts, AesSeal(b"another"))

    def test_nothing_is_signed_and_all_else_works(self, webhooks: RedisWebhooks, moved: RedisWebhooks) -> None:
        made = webhooks.create(endpoint("whk_1"), OLD, most=1)
        with pytest.raises(Unavailable):
            moved.unseal("film-a", "whk_1")
        assert (moved.get("film-a", "whk_1"), moved.list("film-a")) == (made, (made,))
        assert moved.change("film-a", "whk_1", change=EndpointChange(description="b")).description == "b"

    def test_a_new_secret_signs_alone(self, webhooks: RedisWebhooks, moved: RedisWebhooks) -> None:
        webhooks.create(endpoint("whk_1"), OLD, most=1)
        assert moved.rotate("film-a", "whk_1", secret=NEW, overlap_s=60) == Secrets(NEW)
        assert moved.unseal("film-a", "whk_1").secrets == Secrets(NEW)


class TestOwnSecrets:
    def test_a_project_gets_one_when_it_is_first_asked_for(self, webhooks: RedisWebhooks) -> None:
        assert webhooks.own_secrets("film-a", otherwise=OLD) == Secrets(OLD)
        assert webhooks.own_secrets("film-a", otherwise=NEW) == Secrets(OLD)
        assert webhooks.own_secrets("film-b", otherwise=NEW) == Secrets(NEW)

    def test_it_is_rotated_like_any(self, webhooks: RedisWebhooks) -> None:
        assert webhooks.rotate("film-a", None, secret=OLD, overlap_s=60).valid == (OLD,), "there was none"
        assert webhooks.rotate("film-a", None, secret=NEW, overlap_s=60).valid == (NEW, OLD)
        assert webhooks.own_secrets("film-a", otherwise=NEWER).valid == (NEW, OLD)


class TestWhatIsNotThere:
    @pytest.mark.parametrize("project", ["film-a", "film-b"])
    def test_it_is_unknown_and_nothing_is_made_of_it(
        self, store: RecordStore, webhooks: RedisWebhooks, project: str
    ) -> None:
        webhooks.create(endpoint("whk_1"), OLD, most=1)
        endpoint_id = "whk_1" if project == "film-b" else "whk_2"
        before = store.dump()
        for attempt in (
            lambda: webhooks.get(project, endpoint_id),
            lambda: webhooks.change(project, endpoint_id, change=EndpointChange(description="mine")),
            lambda: webhooks.delete(project, endpoint_id),
            lambda: webhooks.rotate(project, endpoint_id, secret=NEW, overlap_s=0),
        ):
            with pytest.raises(WebhookNotFound):
                attempt()
        assert store.dump() == before

    def test_what_is_deleted_leaves_nothing(self, store: RecordStore, webhooks: RedisWebhooks) -> None:
        before = store.dump()
        webhooks.create(endpoint("whk_1"), OLD, most=1)
        webhooks.rotate("film-a", "whk_1", secret=NEW, overlap_s=60)
        webhooks.delete("film-a", "whk_1")
        assert store.dump() == before


def test_what_cannot_wait_works_in_a_full_store(redis_url: str, webhooks: RedisWebhooks) -> None:
    webhooks.create(endpoint("whk_1"), OLD, most=1)
    with redis.Redis.from_url(redis_url) as client:
        client.config_set("maxmemory", "1")
        try:
            webhooks.change("film-a", "whk_1", change=EndpointChange(disabled_reason="gone"))
            assert webhooks.rotate("film-a", "whk_1", secret=NEW, overlap_s=0).valid == (NEW,)
            webhooks.delete("film-a", "whk_1")
            assert webhooks.own_secrets("film-a", otherwise=OLD) == Secrets(OLD)
        finally:
            client.config_set("maxmemory", "0")


def test_types_of_a_newer_version_are_passed_over(store: RecordStore, webhooks: RedisWebhooks) -> None:
    webhooks.create(endpoint("whk_1"), OLD, most=1)
    store.client.eval("return redis.call('HSET', 'orch:webhook:whk_1', 'events', 'failed of_tomorrow', 'new', 1)", 0)
    assert webhooks.get("film-a", "whk_1").receiver.events == (EventType.FAILED,)


def test_audit_has_nothing_to_say_of_them(store: RecordStore, webhooks: RedisWebhooks) -> None:
    webhooks.create(endpoint("whk_1"), OLD, most=1)
    webhooks.own_secrets("film-a", otherwise=OLD)
    assert walk(store) == set()
