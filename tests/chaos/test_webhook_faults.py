"""Fault 32: receivers of webhooks that fail, hang, move, go, and lead inside, told by the real sender over a day of
the store's clock. 127.0.0.2 plays the public host; on 127.0.0.1, at the same port, is a canary that nobody may reach.
"""

import itertools
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import pytest
from fakes_breakers import FakeBreakers
from fetch_room import HOST
from hostile_web import PRIVATE, PUBLIC, Names, WebServer, hush, redirect, reply, serving
from prometheus_client import CollectorRegistry
from record_store import RecordStore, new_task, open_store
from webhook_receiver import Receiver as Hook
from webhook_receiver import Reply, receiver
from webhook_room import post

from orchestrator.adapters.aes_seal import AesSeal
from orchestrator.adapters.redis.deliveries import RedisDeliveries
from orchestrator.adapters.redis.webhooks import RedisWebhooks
from orchestrator.domain.delivery import Delivery
from orchestrator.domain.webhook import Endpoint, EndpointChange, Receiver, render_secret
from orchestrator.services.deliveries.deliver import Deliver
from orchestrator.services.deliveries.send_webhook import SendWebhook
from orchestrator.telemetry import build_send_metrics

SECRET = b"s" * 32
HOUR_MS = 3_600_000


@dataclass
class StoreClock:
    """That of the store, for breakers too: ten failures within a day are not ten within a second."""

    store: RecordStore

    def monotonic_s(self) -> float:
        return self.store.now_ms / 1000

    def jitter(self) -> float:
        return 0.5

    def pause(self, seconds: float) -> None:
        self.store.pass_time(int(seconds * 1000))


@dataclass
class World:
    """Everything between a task's story and a receiver; nothing is sent but by `work`."""

    store: RecordStore
    webhooks: RedisWebhooks
    outbox: RedisDeliveries
    service: Deliver

    def __post_init__(self) -> None:
        self._claims = (f"claim-{number}" for number in itertools.count())

    def register(self, url: str, name: str = "whk_1") -> None:
        self.webhooks.create(Endpoint(name, "film-a", Receiver(url, HOST)), SECRET, most=9)

    def submit(self, task_id: str) -> None:
        """It stays queued: one event to tell."""
        self.store.submit(new_task(task_id))

    def work(self) -> None:
        """Send what may be sent now."""
        while sendings := self.outbox.claim([next(self._claims)]):
            taken = self.service.deliver(sendings[0])
            if taken:
                assert self.outbox.conclude([taken]) == ()

    def wait_for_next_try(self, task_id: str = "t1") -> None:
        due_ms = self.only(task_id).due_ms
        assert due_ms is not None
        self.store.pass_time(due_ms - self.store.now_ms)
        self.outbox.wake(limit=100)

    def of(self, task_id: str) -> list[Delivery]:
        return list(self.outbox.list("film-a", task_id))

    def only(self, task_id: str = "t1") -> Delivery:
        (delivery,) = self.of(task_id)
        return delivery

    def last_code(self, task_id: str = "t1") -> str:
        last = self.only(task_id).last
        return last.code if last else ""


@contextmanager
def world(redis_url: str, *, names: Names | None = None) -> Iterator[World]:
    with open_store(redis_url) as store, closing(post(names, timeout_s=0.5)) as messages:
        webhooks, clock = RedisWebhooks(store.scripts, AesSeal(b"pepper")), StoreClock(store)
        sender = SendWebhook(webhooks, messages, lambda: SECRET)
        outbox, metrics = RedisDeliveries(store.scripts), build_send_metrics(CollectorRegistry())
        deliver = Deliver(outbox, {"webhook": sender}, FakeBreakers(clock), clock, metrics)
        yield World(store, webhooks, outbox, deliver)


@contextmanager
def canary(port: int) -> Iterator[WebServer]:
    with serving(reply(), host=PRIVATE, port=port) as bird:
        yield bird
    assert bird.visits == 0, "somebody was led inside"


@pytest.fixture
def there() -> Iterator[Hook]:
    with receiver(host=PUBLIC) as made:
        yield made


def named(there: Hook) -> str:
    return there.url.replace(PUBLIC, HOST)


def test_fault_32_a_receiver_that_fails_is_tried_for_a_day_under_one_id(redis_url: str, there: Hook) -> None:
    there.answer = lambda _said: Reply(500)
    with world(redis_url) as here:
        here.register(named(there))
        here.submit("t1")
        begun_ms = here.store.now_ms
        here.work()
        while here.only().status == "pending":
            here.wait_for_next_try()
            here.work()
        assert (here.only().status, here.only().tries, here.last_code()) == ("failed", 10, "receiver_failed")
        assert 23 * HOUR_MS < here.store.now_ms - begun_ms < 25 * HOUR_MS
        there.answer = lambda _said: Reply(204)
        here.outbox.redeliver("film-a", "t1")
        here.work()
        assert here.only().status == "delivered"
    assert len(there.heard) == 11
    assert len({said.headers["webhook-id"] for said in there.heard}) == 1
    assert there.heard[-1].verified(render_secret(SECRET))["data"]["id"] == "t1"


def test_fault_32_a_receiver_that_hangs_is_left_and_others_hear(redis_url: str, there: Hook) -> None:
    with world(redis_url) as here, serving(hush) as hanging:
        here.register(f"http://{HOST}:{hanging.port}/", "whk_1")
        here.register(named(there), "whk_2")
        here.submit("t1")
        here.work()
        assert {each.destination: each.status.value for each in here.of("t1")} == {
            "webhook:whk_1": "pending",
            "webhook:whk_2": "delivered",
        }
        assert [each.last.code for each in here.of("t1") if each.last] == ["receiver_timeout", "ok"]


def test_fault_32_a_redirect_is_not_followed_and_says_so(redis_url: str, there: Hook) -> None:
    port = int(there.url.rpartition(":")[2].partition("/")[0])
    moved = redirect(named(there), status=301)
    with world(redis_url) as here, serving(moved, moved, reply()) as web, canary(port):
        here.register(f"http://{HOST}:{web.port}/")
        here.submit("t1")
        here.work()
        last = here.only().last
        assert last is not None
        assert last.code == "receiver_redirects"
        assert "301" in last.message
        for _ in range(2):
            here.wait_for_next_try()
            here.work()
        assert here.only().status == "delivered"
    assert there.heard == []


def test_fault_32_410_disables_and_what_comes_later_is_not_sent(redis_url: str, there: Hook) -> None:
    there.answer = lambda _said: Reply(410)
    with world(redis_url) as here:
        here.register(named(there))
        here.submit("t1")
        here.submit("t2")
        here.work()
        assert [here.last_code(task) for task in ("t1", "t2")] == ["endpoint_disabled"] * 2
        assert [here.only(task).status for task in ("t1", "t2")] == ["failed"] * 2
        here.submit("t3")
        here.work()
        assert here.of("t3") == []
        assert len(there.heard) == 1, "t2 was told of the disabling, not of the receiver"
        there.answer = lambda _said: Reply(204)
        here.webhooks.change("film-a", "whk_1", change=EndpointChange(disabled_reason=""))
        here.submit("t4")
        here.outbox.redeliver("film-a", "t1")
        here.work()
        assert [here.only(task).status for task in ("t1", "t4")] == ["delivered"] * 2


def test_fault_32_a_name_that_leads_inside_is_tried_on_until_it_leads_out(redis_url: str, there: Hook) -> None:
    names = Names({HOST: [[PRIVATE], [PUBLIC, PRIVATE], ["::ffff:127.0.0.1"], [PUBLIC]]})
    port = int(there.url.rpartition(":")[2].partition("/")[0])
    with world(redis_url, names=names) as here, canary(port):
        here.register(named(there))
        here.submit("t1")
        here.work()
        for _ in range(3):
            assert here.last_code() == "address_refused"
            assert there.heard == []
            here.wait_for_next_try()
            here.work()
        assert here.only().status == "delivered"


def test_fault_32_a_name_that_changes_at_every_look_up_never_leads_inside(redis_url: str) -> None:
    flips = list(itertools.islice(itertools.cycle([[PUBLIC], [PRIVATE]]), 20))
    names = Names({HOST: flips})
    with world(redis_url, names=names) as here, serving(reply(status=500)) as web, canary(web.port):
        here.register(f"http://{HOST}:{web.port}/")
        here.submit("t1")
        here.work()
        codes = [here.last_code()]
        while here.only().status == "pending":
            here.wait_for_next_try()
            here.work()
            codes.append(here.last_code())
        assert codes == ["receiver_failed", "address_refused"] * 5
        assert (web.visits, len(names.asked)) == (5, 10)


def test_fault_32_a_receiver_that_asks_for_a_pause_gets_it(redis_url: str, there: Hook) -> None:
    there.answer = lambda _said: Reply(503, {"Retry-After": "7200"})
    with world(redis_url) as here:
        here.register(named(there))
        here.submit("t1")
        here.work()
        assert here.only().due_ms == here.store.now_ms + 2 * HOUR_MS
        assert here.last_code() == "receiver_busy"
