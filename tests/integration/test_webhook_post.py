"""Webhooks on the wire: what is signed, what an answer means, and where no message ever goes (fault 32)."""

import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpcore
import pytest
import standardwebhooks
from fetch_room import HOST, OK_HEAD
from hostile_web import PRIVATE, PUBLIC, REACH, Answer, Names, forever, hush, raw, redirect, reply, serving
from made_certificate import server_tls
from webhook_receiver import Receiver, Reply, Said, receiver
from webhook_room import MESSAGE, SECRETS, post

from orchestrator.adapters.system_resolver import SystemResolver
from orchestrator.adapters.web.webhook_status import CLASSES, MOST_PATIENCE_S, parse_error
from orchestrator.domain.errors import Category, OrchestratorError, Overloaded, Refused, Unavailable
from orchestrator.domain.web_address import PUBLIC_HTTPS, Reach
from orchestrator.domain.webhook import Secrets, render_secret
from orchestrator.ports.webhooks import Message

pytestmark = pytest.mark.timeout(30)

OLD, NEW = b"o" * 24, b"n" * 64


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver(host=PUBLIC) as made:
        yield made


def failure(url: str, *, timeout_s: float = 5.0, resolver: Names | SystemResolver | None = None) -> OrchestratorError:
    """What comes of a message that is not taken."""
    with closing(post(resolver, timeout_s=timeout_s)) as sender, pytest.raises(OrchestratorError) as failed:
        sender.send(url, MESSAGE, secrets=SECRETS)
    return failed.value


class TestSigned:
    def test_the_library_of_the_specification_accepts_it(self, there: Receiver) -> None:
        body = '{"type":"task.succeeded","data":{"name":"Ünïcode 🎬"}}'.encode()
        with closing(post()) as sender:
            assert sender.send(there.url, Message("msg_7", body), secrets=SECRETS) == "answered 204"
        (said,) = there.heard
        assert said.body == body
        assert said.verified(render_secret(SECRETS.newest))["data"]["name"] == "Ünïcode 🎬"
        assert (said.headers["webhook-id"], said.headers["content-type"]) == ("msg_7", "application/json")
        assert not [name for name in said.headers if name in {"authorization", "cookie"}]

    def test_while_secrets_change_either_is_right(self, there: Receiver) -> None:
        with closing(post()) as sender:
            sender.send(there.url, MESSAGE, secrets=Secrets(NEW, OLD))
        (said,) = there.heard
        assert len(said.headers["webhook-signature"].split(" ")) == 2
        for secret in (OLD, NEW):
            assert said.verified(render_secret(secret)) == {"type": "task.succeeded"}

    @pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
    def test_whatever_is_changed_on_the_way_is_noticed(self, there: Receiver, name: str) -> None:
        with closing(post()) as sender:
            sender.send(there.url, MESSAGE, secrets=SECRETS)
        (said,), secret = there.heard, render_secret(SECRETS.newest)
        sent = said.headers[name]
        half = len(sent) // 2  # the last letter of base64 has bits that say nothing
        other = f"{sent[:half]}{'1' if sent[half] != '1' else '2'}{sent[half + 1 :]}"
        for forged in (replace(said, body=said.body + b" "), replace(said, headers={**said.headers, name: other})):
            with pytest.raises(standardwebhooks.WebhookVerificationError):
                forged.verified(secret)
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            said.verified(render_secret(b"another secret of them all"))


class TestConnections:
    def test_one_is_used_again_and_its_name_is_asked_for_once(self, there: Receiver) -> None:
        names = Names({HOST: [[PUBLIC], [PRIVATE]]})
        with closing(post(names)) as sender:
            for _ in range(20):
                sender.send(there.url.replace(PUBLIC, HOST), MESSAGE, secrets=SECRETS)
        assert (len(there.heard), there.connections, names.asked) == (20, 1, [HOST])

    def test_many_threads_share_them_and_each_has_its_own_deadline(self, there: Receiver) -> None:
        def slow_for_some(said: Said) -> Reply:
            return Reply(200, text="x" * 10_000 if said.headers["webhook-id"].endswith("7") else "")

        there.answer = slow_for_some
        with closing(post()) as sender, ThreadPoolExecutor(8) as pool:
            messages = [Message(f"msg_{number}", b"{}") for number in range(80)]
            answers = list(pool.map(lambda each: sender.send(there.url, each, secrets=SECRETS), messages))
        assert len(answers) == len(there.heard) == 80
        assert there.connections <= 8 + 8, "what is not read to its end costs a connection, and nothing else does"

    def test_one_that_the_receiver_has_closed_is_made_again(self) -> None:
        with serving(reply(b"ok")) as web, closing(post()) as sender:
            for _ in range(3):
                assert sender.send(f"http://{PUBLIC}:{web.port}/", MESSAGE, secrets=SECRETS) == "answered 200: ok"
        assert web.visits == 3


class TestAnswers:
    def test_2xx_is_taken(self, there: Receiver) -> None:
        there.answer = lambda _said: Reply(201)
        with closing(post()) as sender:
            assert sender.send(there.url, MESSAGE, secrets=SECRETS) == "answered 201"

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500, 502, 503])
    def test_all_else_is_tried_again(self, there: Receiver, status: int) -> None:
        there.answer = lambda _said: Reply(status, text="no\r\n\x1b[2Jway" + "!" * 500)
        failed = failure(there.url)
        assert (type(failed), failed.code) == (Unavailable, "receiver_failed")
        assert str(failed).startswith(f"answered {status}: no")
        assert str(failed).isprintable()
        assert len(str(failed)) < 250
        assert failed.category is (Category.NETWORK if status >= 500 else Category.INVALID_INPUT)

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_a_failure_that_says_so_and_is_never_followed(self, there: Receiver, status: int) -> None:
        with serving(redirect(there.url, status=status)) as web:
            failed = failure(f"http://{HOST}:{web.port}/")
        assert (type(failed), failed.code) == (Unavailable, "receiver_redirects")
        assert "redirects are not followed" in str(failed)
        assert there.heard == []

    def test_410_is_for_good(self, there: Receiver) -> None:
        there.answer = lambda _said: Reply(410)
        assert (type(failed := failure(there.url)), failed.code) == (Refused, "receiver_gone")

    @pytest.mark.parametrize(
        ("status", "text", "wait_s"), [(429, "7", 7), (503, "0", 0), (503, "9" * 9, MOST_PATIENCE_S)]
    )
    def test_when_to_come_again_is_heeded_within_bounds(
        self, there: Receiver, status: int, text: str, wait_s: float
    ) -> None:
        there.answer = lambda _said: Reply(status, {"Retry-After": text})
        failed = failure(there.url)
        assert isinstance(failed, Overloaded)
        assert failed.retry_after_s == wait_s

    def test_so_it_is_as_a_date(self, there: Receiver) -> None:
        at = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
        there.answer = lambda _said: Reply(503, {"Retry-After": at})
        failed = failure(there.url)
        assert isinstance(failed, Overloaded)
        assert 90 < failed.retry_after_s <= 100
        there.answer = lambda _said: Reply(503, {"Retry-After": "soon"})
        assert isinstance(failure(there.url), Unavailable)

    @pytest.mark.parametrize(
        "behaviour",
        [
            hush,
            forever(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", every_s=0.02),
            forever(OK_HEAD, b"1\r\na\r\n", every_s=0.02),
        ],
        ids=["silent", "drips its head", "drips its body"],
    )
    def test_one_that_hangs_is_left_at_the_deadline(self, behaviour: Answer) -> None:
        begun_s = time.monotonic()
        with serving(behaviour) as web:
            failed = failure(f"http://{HOST}:{web.port}/", timeout_s=0.3)
        assert failed.code == "receiver_timeout"
        assert time.monotonic() - begun_s < 3

    def test_one_that_talks_on_is_left_after_a_few_kilobytes(self) -> None:
        endless = forever(OK_HEAD, b"10000\r\n" + bytes(0x10000) + b"\r\n")
        with serving(endless) as web, closing(post()) as sender:
            assert sender.send(f"http://{HOST}:{web.port}/", MESSAGE, secrets=SECRETS) == "answered 200"

    @pytest.mark.parametrize("nonsense", [raw(b""), raw(b"SSH-2.0-OpenSSH_9.2\r\n")], ids=["nothing", "ssh"])
    def test_nonsense_is_a_fault_of_the_network(self, nonsense: Answer) -> None:
        with serving(nonsense) as web:
            failed = failure(f"http://{HOST}:{web.port}/")
        assert (failed.code, failed.category) == ("receiver_unreachable", Category.NETWORK)

    def test_nobody_at_home_is_one_too(self) -> None:
        with serving(reply()) as gone:
            pass
        assert failure(f"http://{HOST}:{gone.port}/").code == "receiver_unreachable"
        assert failure("http://no-such-host.invalid/", resolver=SystemResolver()).code == "name_not_found"


class TestWhereNothingGoes:
    @pytest.mark.parametrize(
        "addresses",
        [[PRIVATE], [PUBLIC, PRIVATE], ["10.0.0.1"], ["169.254.169.254"], ["::1"], ["::ffff:127.0.0.1"]],
        ids=str,
    )
    def test_a_name_that_leads_inside_is_not_connected_to(self, addresses: list[str]) -> None:
        with serving(reply(), host=PRIVATE) as canary:
            failed = failure(f"http://{HOST}:{canary.port}/", resolver=Names({HOST: [addresses]}))
        assert (type(failed), failed.code) == (Unavailable, "address_refused"), "names change: it is tried again"
        assert canary.visits == 0
        assert not any(address in str(failed) for address in addresses)

    def test_a_name_that_changes_between_two_tries_leads_nowhere(self) -> None:
        names = Names({HOST: [[PUBLIC], [PRIVATE]]})
        with serving(reply(), host=PRIVATE) as canary, closing(post(names)) as sender:
            with serving(reply(status=500)) as web, pytest.raises(Unavailable):
                sender.send(f"http://{HOST}:{web.port}/", MESSAGE, secrets=SECRETS)
            with pytest.raises(Unavailable) as refused:
                sender.send(f"http://{HOST}:{canary.port}/", MESSAGE, secrets=SECRETS)
        assert (refused.value.code, canary.visits, names.asked) == ("address_refused", 0, [HOST, HOST])

    def test_a_kept_connection_opens_no_way_to_another_host(self) -> None:
        """Both names end at the same port, one of them inside."""
        names = Names({HOST: [[PUBLIC]], "inside.example": [[PRIVATE]]})
        with receiver(host=PUBLIC) as there, closing(post(names)) as sender:
            url = there.url.replace(PUBLIC, HOST)
            sender.send(url, MESSAGE, secrets=SECRETS)
            with pytest.raises(Unavailable) as refused:
                sender.send(url.replace(HOST, "inside.example"), MESSAGE, secrets=SECRETS)
        assert (refused.value.code, len(there.heard)) == ("address_refused", 1)

    def test_localhost_is_inside_by_the_real_resolver(self) -> None:
        with serving(reply(), host=PRIVATE) as canary:
            failed = failure(f"http://localhost:{canary.port}/", resolver=SystemResolver())
        assert (failed.code, canary.visits) == ("address_refused", 0)

    @pytest.mark.parametrize("reach", [PUBLIC_HTTPS, Reach(private_networks=REACH.private_networks)])
    def test_http_is_not_spoken_unless_that_is_allowed(self, there: Receiver, reach: Reach) -> None:
        with closing(post(reach=reach)) as sender, pytest.raises(Unavailable) as refused:
            sender.send(there.url, MESSAGE, secrets=SECRETS)
        assert (refused.value.code, there.connections) == ("address_refused", 0)


class TestEncryption:
    def test_the_receiver_proves_its_name(self, tmp_path: Path) -> None:
        server, trusted = server_tls(tmp_path, HOST)
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.load_verify_locations(trusted)
        names = Names({HOST: [[PUBLIC]], "other.example": [[PUBLIC]]})
        with serving(reply(), tls=server) as web, closing(post(names, tls=client)) as sender:
            assert sender.send(f"https://{HOST}:{web.port}/", MESSAGE, secrets=SECRETS) == "answered 200"
            with pytest.raises(Unavailable) as refused:
                sender.send(f"https://other.example:{web.port}/", MESSAGE, secrets=SECRETS)
        assert (refused.value.code, web.visits) == ("certificate_invalid", 1)


def test_every_exception_of_httpcore_has_a_meaning() -> None:
    kinds = [kind for kind in vars(httpcore).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) > 10
    assert [kind for kind in kinds if not issubclass(kind, tuple(CLASSES))] == []
    assert all(isinstance(parse_error(kind(), "host"), OrchestratorError) for kind in kinds)
