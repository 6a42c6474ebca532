"""`/v1/webhooks` from outside: registered, pinged, changed, rotated, verified by the specification's own library."""

from collections.abc import Iterator

import httpx
import pytest
from front_door import SETTINGS, FrontDoor
from hostile_web import PRIVATE, PUBLIC, reply, serving
from webhook_receiver import Receiver, Reply, receiver

from orchestrator.client import Client
from orchestrator.client.errors import TooManyWebhooks, WebhookNotFound
from orchestrator.domain.api_key import Scope


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver(host=PUBLIC) as made:
        yield made


def register(caller: httpx.Client, url: str, **given: object) -> httpx.Response:
    return caller.post("/v1/webhooks", json={"url": url, **given})


class TestRegister:
    def test_it_is_pinged_and_its_secret_verifies_the_ping(self, film_a: httpx.Client, there: Receiver) -> None:
        made = register(film_a, there.url, events=["task.failed"], description="dailies")
        view = made.json()
        assert (made.status_code, made.headers["Location"]) == (201, f"/v1/webhooks/{view['id']}")
        assert (view["ping"]["ok"], view["ping"]["code"], view["ping"]["detail"]) == (True, "ok", "answered 204")
        (ping,) = there.heard
        told = ping.verified(view["secret"])
        assert told == {
            "type": "webhook.ping",
            "timestamp": told["timestamp"],
            "data": {"webhook": view["id"], "project": "film-a"},
        }
        shown = film_a.get(made.headers["Location"]).json()
        assert shown == {name: value for name, value in view.items() if name not in {"secret", "ping"}}
        assert film_a.get("/v1/webhooks").json() == {"items": [shown]}
        assert view["secret"] not in film_a.get("/v1/webhooks").text

    @pytest.mark.parametrize("status", [500, 301, 410])
    def test_one_that_fails_its_ping_stays_and_the_answer_says_so(
        self, film_a: httpx.Client, there: Receiver, status: int
    ) -> None:
        there.answer = lambda _said: Reply(status, text="not yet")
        made = register(film_a, there.url)
        assert (made.status_code, made.json()["ping"]["ok"], made.json()["enabled"]) == (201, False, True)
        assert made.json()["ping"]["detail"].startswith(f"answered {status}: not yet")

    def test_without_events_it_hears_of_all_but_progress(self, film_a: httpx.Client, there: Receiver) -> None:
        events = register(film_a, there.url).json()["events"]
        assert events == [f"task.{word}" for word in ("queued", "running", "succeeded", "failed", "canceled")]

    @pytest.mark.parametrize("host", [PRIVATE, "localhost", "[::1]", "0x7f.1"])
    def test_what_leads_inside_is_refused_and_never_connected_to(self, film_a: httpx.Client, host: str) -> None:
        with serving(reply(), host=PRIVATE) as canary:
            refused = register(film_a, f"http://{host}:{canary.port}/")
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_params")
        assert "url" in refused.json()["detail"]
        assert canary.visits == 0
        assert film_a.get("/v1/webhooks").json() == {"items": []}

    def test_a_project_has_so_many_at_most(self, film_a: httpx.Client, there: Receiver) -> None:
        made = [register(film_a, there.url) for _ in range(SETTINGS.webhooks.max_endpoints + 1)]
        assert [answer.status_code for answer in made] == [201] * SETTINGS.webhooks.max_endpoints + [409]
        assert made[-1].json()["code"] == "too_many_webhooks"

    @pytest.mark.parametrize(
        "body",
        [{}, {"url": ""}, {"events": []}, {"events": ["succeeded"]}, {"description": "a\nb"}, {"secret": "whsec_mine"}],
        ids=str,
    )
    def test_what_is_misspelt_is_refused(self, film_a: httpx.Client, body: dict[str, object]) -> None:
        whole = {"url": "https://hooks.example/", **body} if body else {}
        assert film_a.post("/v1/webhooks", json=whole).status_code == 422


class TestChange:
    def test_what_is_absent_stays(self, film_a: httpx.Client, there: Receiver) -> None:
        view = register(film_a, there.url, description="dailies").json()
        path = f"/v1/webhooks/{view['id']}"
        changed = film_a.patch(path, json={"events": ["task.progress"], "url": f"{there.url}/2"}).json()
        assert (changed["events"], changed["url"]) == (["task.progress"], f"{there.url}/2")
        assert changed["description"] == "dailies"
        assert film_a.patch(path, json={"url": f"http://{PRIVATE}/"}).status_code == 422
        assert film_a.get(path).json() == changed

    def test_one_that_is_off_says_why_and_is_switched_on_again(self, film_a: httpx.Client, there: Receiver) -> None:
        view = register(film_a, there.url).json()
        path = f"/v1/webhooks/{view['id']}"
        off = film_a.patch(path, json={"enabled": False}).json()
        assert (off["enabled"], off["disabled_reason"]) == (False, "by its project")
        on = film_a.patch(path, json={"enabled": True}).json()
        assert (on["enabled"], on["disabled_reason"]) == (True, None)

    def test_one_that_is_deleted_is_gone(self, film_a: httpx.Client, there: Receiver) -> None:
        path = f"/v1/webhooks/{register(film_a, there.url).json()['id']}"
        assert film_a.delete(path).status_code == 204
        for gone in (film_a.delete(path), film_a.get(path), film_a.post(f"{path}:ping"), film_a.post(f"{path}:rotate")):
            assert (gone.status_code, gone.json()["code"]) == (404, "webhook_not_found")


class TestSecrets:
    def test_after_a_rotation_either_secret_verifies(self, film_a: httpx.Client, there: Receiver) -> None:
        view = register(film_a, there.url).json()
        path = f"/v1/webhooks/{view['id']}"
        rotated = film_a.post(f"{path}:rotate").json()
        assert rotated["secret"] != view["secret"]
        assert film_a.get(path).json()["two_secrets_until"] == rotated["both_until"]
        assert film_a.post(f"{path}:ping").json()["ok"]
        ping = there.heard[-1]
        assert ping.verified(view["secret"]) == ping.verified(rotated["secret"])

    def test_one_that_leaked_ends_at_once(self, film_a: httpx.Client, there: Receiver) -> None:
        view = register(film_a, there.url).json()
        rotated = film_a.post(f"/v1/webhooks/{view['id']}:rotate", json={"overlap_s": 0}).json()
        assert rotated["both_until"] is None
        film_a.post(f"/v1/webhooks/{view['id']}:ping")
        assert len(there.heard[-1].headers["webhook-signature"].split()) == 1
        assert there.heard[-1].verified(rotated["secret"])

    def test_a_project_has_its_own_for_what_its_tasks_name(self, door: FrontDoor, film_a: httpx.Client) -> None:
        shown = film_a.get("/v1/webhooks/secret").json()
        assert film_a.get("/v1/webhooks/secret").json() == shown
        assert film_a.post("/v1/webhooks/secret:rotate").json()["secret"] != shown["secret"]
        with door.caller("film-b") as film_b:
            assert film_b.get("/v1/webhooks/secret").json()["secret"] != shown["secret"]

    def test_to_read_tasks_is_not_to_read_what_signs(self, door: FrontDoor) -> None:
        with door.caller_with(door.make_key("film-a", Scope.TASKS_READ)) as reader:
            assert reader.get("/v1/webhooks").status_code == 200
            assert reader.get("/v1/webhooks/secret").status_code == 403


def test_the_client_does_all_of_it(door: FrontDoor, film_a: httpx.Client, there: Receiver) -> None:
    key = film_a.headers["Authorization"].removeprefix("Bearer ")
    with Client(door.url, key) as client:
        made = client.webhooks.create(there.url, events=["task.succeeded"], description="mine")
        assert made.ping.is_ok
        assert made.secret not in repr(made)
        assert [webhook.id for webhook in client.webhooks.list()] == [made.webhook.id]
        changed = client.webhooks.change(made.webhook.id, events=["task.failed"], enabled=False)
        assert (changed.events, changed.is_enabled) == (("task.failed",), False)
        assert client.webhooks.get(made.webhook.id) == changed
        rotated = client.webhooks.rotate(made.webhook.id, overlap_s=5)
        assert rotated.both_until
        assert client.webhooks.ping(made.webhook.id).is_ok
        assert there.heard[-1].verified(rotated.text)
        own = client.webhooks.secret()
        assert client.webhooks.rotate_secret().text != own.text
        client.webhooks.delete(made.webhook.id)
        with pytest.raises(WebhookNotFound):
            client.webhooks.get(made.webhook.id)
        for _ in range(SETTINGS.webhooks.max_endpoints):
            client.webhooks.create(there.url)
        with pytest.raises(TooManyWebhooks):
            client.webhooks.create(there.url)
