"""What a receiver hears of a task, and what becomes of endpoints that are gone: the store and the receiver are real."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hostile_web import PUBLIC
from record_store import RecordStore, new_task, open_store
from webhook_receiver import Receiver as Hook
from webhook_receiver import Reply, receiver
from webhook_room import post

from orchestrator.adapters.aes_seal import AesSeal
from orchestrator.adapters.redis.webhooks import RedisWebhooks
from orchestrator.domain.delivery import Cursor, Delivery, DeliveryStatus
from orchestrator.domain.errors import Refused, Unavailable
from orchestrator.domain.task import Task, TaskEvent
from orchestrator.domain.webhook import Endpoint, EndpointChange, Receiver, render_secret
from orchestrator.services.deliveries.send_webhook import SendWebhook

OLD, NEW = b"o" * 32, b"n" * 32


@dataclass
class Room:
    """A sender, an endpoint of film-a with a receiver behind it, and a task."""

    there: Hook
    webhooks: RedisWebhooks
    sender: SendWebhook
    task: Task

    def send(self, destination: str = "webhook:whk_1", *, seq: int = 1, **of_task: Any) -> str:  # noqa: ANN401 - fields
        task = replace(self.task, **of_task)
        delivery = Delivery(
            task.id, task.project, destination, "webhook:host", status=DeliveryStatus.PENDING, cursor=Cursor()
        )
        return self.sender.send(delivery, task, event=TaskEvent(1, seq, "queued", 0, {}))

    def refusal(self, destination: str = "webhook:whk_1") -> str:
        with pytest.raises(Refused) as refused:
            self.send(destination)
        return refused.value.code


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        yield opened


@pytest.fixture
def room(store: RecordStore) -> Iterator[Room]:
    webhooks = RedisWebhooks(store.scripts, AesSeal(b"pepper"))
    store.submit(new_task("t1"))
    task = store.task("t1")
    with receiver(host=PUBLIC) as there, closing(post()) as messages:
        webhooks.create(Endpoint("whk_1", "film-a", Receiver(there.url, PUBLIC)), OLD, most=1)
        yield Room(there, webhooks, SendWebhook(webhooks, messages, lambda: NEW, "https://api.example"), task)


def test_an_endpoint_is_told_under_its_own_secret(room: Room) -> None:
    assert room.send() == "answered 204"
    told = room.there.heard[0].verified(render_secret(OLD))
    assert (told["type"], told["data"]["id"], told["data"]["seq"]) == ("task.queued", "t1", 1)
    assert told["data"]["links"]["self"] == "https://api.example/v1/tasks/t1"


def test_the_id_is_the_same_at_every_try_and_another_for_every_event(room: Room) -> None:
    room.there.answer = lambda _said: Reply(500 if len(room.there.heard) < 3 else 200)
    for _ in range(2):
        with pytest.raises(Unavailable):
            room.send()
    room.send()
    room.send(seq=2)
    ids = [said.headers["webhook-id"] for said in room.there.heard]
    assert ids[0] == ids[1] == ids[2] != ids[3]
    assert len({said.body for said in room.there.heard[:3]}) == 1


def test_during_a_rotation_both_secrets_verify_what_is_sent(room: Room) -> None:
    room.webhooks.rotate("film-a", "whk_1", secret=NEW, overlap_s=60)
    room.send()
    for secret in (OLD, NEW):
        assert room.there.heard[0].verified(render_secret(secret))


def test_a_receiver_of_the_task_is_told_under_the_projects_secret(room: Room) -> None:
    room.send("webhook:task", webhook={"url": f"{room.there.url}/mine", "events": ["queued"], "channel": "x"})
    assert room.there.heard[0].path == "/hooks/mine"
    own = room.webhooks.own_secrets("film-a", otherwise=OLD)
    assert own.newest == NEW, "it is made when the first message needs it"
    assert room.there.heard[0].verified(render_secret(NEW))


def test_410_disables_the_endpoint_and_nothing_more_is_sent_to_it(room: Room, store: RecordStore) -> None:
    room.there.answer = lambda _said: Reply(410)
    assert room.refusal() == "endpoint_disabled"
    assert room.webhooks.get("film-a", "whk_1").disabled_reason == "its receiver is gone (410)"
    assert store.client.hgetall("orch:endpoints:film-a") == {}
    assert room.refusal() == "endpoint_disabled"
    assert len(room.there.heard) == 1
    room.there.answer = lambda _said: Reply(200)
    room.webhooks.change("film-a", "whk_1", change=EndpointChange(disabled_reason=""))
    assert room.send() == "answered 200"


def test_410_of_a_task_s_own_receiver_ends_that_delivery_alone(room: Room) -> None:
    room.there.answer = lambda said: Reply(410 if said.path.endswith("mine") else 200)
    with pytest.raises(Refused) as refused:
        room.send("webhook:task", webhook={"url": f"{room.there.url}/mine"})
    assert refused.value.code == "endpoint_disabled"
    assert room.send() == "answered 200"


def test_an_endpoint_that_is_deleted_or_anothers_is_told_nothing(room: Room) -> None:
    assert room.refusal("webhook:whk_2") == "endpoint_unknown"
    assert room.refusal("webhook:task") == "endpoint_unknown"
    room.webhooks.delete("film-a", "whk_1")
    assert room.refusal() == "endpoint_unknown"
    assert room.there.heard == []


def test_under_another_pepper_nothing_is_sent_and_all_is_tried_on(room: Room, store: RecordStore) -> None:
    moved = replace(room.sender, webhooks=RedisWebhooks(store.scripts, AesSeal(b"another")))
    with pytest.raises(Unavailable) as sealed:
        replace(room, sender=moved).send()
    assert (sealed.value.code, room.there.heard) == ("secret_sealed", [])
