"""Inputs by URL from servers and names that mean harm (fault 32, the fetcher's side). Nothing here leaves loopback."""

import hashlib
import ssl
import time
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import httpcore
import pytest
from hostile_web import (
    PRIVATE,
    PUBLIC,
    REACH,
    Answer,
    Names,
    WebServer,
    forever,
    hush,
    no_tls,
    raw,
    redirect,
    reply,
    serving,
)
from made_certificate import server_tls

from orchestrator.adapters.system_resolver import SystemResolver
from orchestrator.adapters.url_fetcher import HttpFetcher, Pace
from orchestrator.adapters.url_fetcher.guard import Deadline, Guard
from orchestrator.adapters.url_fetcher.status import CLASSES, parse_error
from orchestrator.domain.errors import (
    Category,
    InputNotFound,
    InputRefused,
    MediaTooLarge,
    OrchestratorError,
    RunCanceled,
    StageTimeout,
    Unavailable,
)
from orchestrator.domain.web_address import PUBLIC_HTTPS, Reach
from orchestrator.ports.web import NameResolver, WebFile

BODY = bytes(range(256)) * 1000
LIMIT = len(BODY)
HOST = "media.example"
OK_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
FOUND = {HOST: [[PUBLIC]]}

pytestmark = pytest.mark.timeout(30)


def fetcher(
    resolver: NameResolver | None = None, *, reach: Reach = REACH, deadline_s: float = 10.0, silence_s: float = 5.0
) -> HttpFetcher:
    return HttpFetcher(resolver or Names(FOUND), reach, Pace(deadline_s, silence_s, redirects=3), no_tls)


def go_on() -> None:
    """The run may go on."""


def fetch(by: HttpFetcher, url: str, folder: Path, *, limit_bytes: int = LIMIT) -> WebFile:
    """Fetch into ``folder``; where that fails, nothing may be left in it."""
    destination = folder / "source"
    try:
        return by.fetch(url, destination, limit_bytes=limit_bytes, keep_going=go_on)
    except OrchestratorError:
        assert not destination.exists()
        raise


def test_a_file_comes_whole_with_its_size_and_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{PRIVATE}:9")  # nobody answers there
    with serving(reply(BODY, content_type="video/mp4")) as web:
        file = fetch(fetcher(), f"http://{HOST}:{web.port}/a/b.mp4?sig=1%2F2", tmp_path)
    assert file == WebFile(len(BODY), hashlib.sha256(BODY).hexdigest())
    assert (tmp_path / "source").read_bytes() == BODY
    (request,) = web.requests
    head = request.decode().split("\r\n")
    assert head[0] == "GET /a/b.mp4?sig=1%2F2 HTTP/1.1"
    assert {f"Host: {HOST}:{web.port}", "Accept-Encoding: identity"} <= set(head)
    assert not [line for line in head if line.lower().startswith(("authorization", "cookie", "proxy"))]


def test_a_file_in_chunks_comes_whole_too(tmp_path: Path) -> None:
    with serving(raw(OK_HEAD + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")) as web:
        assert fetch(fetcher(), f"http://{HOST}:{web.port}/", tmp_path).size_bytes == 5
    assert (tmp_path / "source").read_bytes() == b"abcde"


def test_a_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"mine")
    with serving(reply(BODY)) as web, pytest.raises(FileExistsError):
        fetch(fetcher(), f"http://{HOST}:{web.port}/", tmp_path)
    assert (tmp_path / "source").read_bytes() == b"mine"


class TestWhereItGoes:
    @pytest.mark.parametrize(
        "addresses",
        [
            [PRIVATE],
            [PUBLIC, PRIVATE],
            ["169.254.169.254"],
            ["10.0.0.1"],
            ["100.64.0.1"],
            ["0.0.0.0"],  # noqa: S104 - which connects to loopback
            ["::1"],
            ["::ffff:127.0.0.1"],
            ["::ffff:127.0.0.2"],
            ["::127.0.0.1"],
            ["64:ff9b::7f00:1"],
            ["2002:7f00:1::"],
            ["fe80::1%lo"],
        ],
        ids=str,
    )
    def test_a_name_with_an_address_that_is_not_public_is_refused(self, addresses: list[str], tmp_path: Path) -> None:
        with serving(reply(BODY), host=PRIVATE) as canary, pytest.raises(InputRefused) as refused:
            fetch(fetcher(Names({HOST: [addresses]})), f"http://{HOST}:{canary.port}/", tmp_path)
        assert canary.visits == 0
        assert not any(address in str(refused.value) for address in addresses), "no map of our network for strangers"
        assert refused.value.category is Category.INVALID_INPUT

    @pytest.mark.parametrize(
        "host", [PRIVATE, "[::1]", "[::ffff:7f00:1]", "2130706433", "0177.0.0.1", "0x7f.1", "127.1", "①②⑦.0.0.1"]
    )
    def test_a_number_in_place_of_a_name_changes_nothing(self, host: str, tmp_path: Path) -> None:
        with serving(reply(BODY), host=PRIVATE) as canary, pytest.raises(InputRefused):
            fetch(fetcher(SystemResolver()), f"http://{host}:{canary.port}/", tmp_path)
        assert canary.visits == 0

    def test_a_name_of_this_machine_is_refused_by_the_real_resolver(self, tmp_path: Path) -> None:
        with serving(reply(BODY), host=PRIVATE) as canary, pytest.raises(InputRefused):
            fetch(fetcher(SystemResolver()), f"http://localhost:{canary.port}/", tmp_path)
        assert canary.visits == 0

    def test_a_name_that_changes_its_address_is_asked_once(self, tmp_path: Path) -> None:
        names = Names({HOST: [[PUBLIC], [PRIVATE]]})
        with serving(reply(BODY), host=PUBLIC) as web, serving(reply(b"secret"), host=PRIVATE) as canary:
            fetch(fetcher(names), f"http://{HOST}:{web.port}/", tmp_path)
            (tmp_path / "source").unlink()
            with pytest.raises(InputRefused):
                fetch(fetcher(names), f"http://{HOST}:{canary.port}/", tmp_path)
        assert names.asked == [HOST, HOST]
        assert canary.visits == 0

    def test_a_public_host_is_asked_on_ports_of_the_web_only(self, tmp_path: Path) -> None:
        names = Names({HOST: [["93.184.216.34"]]})
        for url in (f"http://{HOST}:22/", f"http://{HOST}:6379/", f"http://{HOST}:8080/"):
            with pytest.raises(InputRefused, match="not on a port of the web"):
                fetch(fetcher(names, reach=Reach(allows_http=True)), url, tmp_path)
        with pytest.raises(InputRefused, match="without encryption"):
            fetch(fetcher(names, reach=PUBLIC_HTTPS), f"http://{HOST}/", tmp_path)

    def test_a_peer_at_another_address_is_left_at_once(self) -> None:
        class Diverted(httpcore.SyncBackend):
            """A network in which all ways lead to the private host."""

            def connect_tcp(
                self,
                host: str,
                port: int,
                timeout: float | None = None,
                local_address: str | None = None,
                socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
            ) -> httpcore.NetworkStream:
                assert str(ip_address(host)) == PUBLIC
                return super().connect_tcp(PRIVATE, port, timeout, local_address, socket_options)

        with serving(reply(BODY), host=PRIVATE) as canary:
            guard = Guard(Names(FOUND), REACH, Deadline(time.monotonic() + 5), Diverted())
            with pytest.raises(InputRefused):
                guard.connect_tcp(HOST, canary.port)
        assert canary.requests in ([], [b""])

    def test_an_address_that_does_not_answer_is_followed_by_the_next(self, tmp_path: Path) -> None:
        wide = replace(REACH, private_networks=(ip_network("127.0.0.2/31"),))
        with serving(reply(BODY)) as web:
            names = Names({HOST: [["127.0.0.3", PUBLIC]]})
            assert fetch(fetcher(names, reach=wide), f"http://{HOST}:{web.port}/", tmp_path).size_bytes == len(BODY)


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_few_are_followed_each_judged_anew(self, status: int, tmp_path: Path) -> None:
        names = Names({HOST: [[PUBLIC]], "cdn.example": [[PUBLIC]]})
        with (
            serving(reply(BODY)) as second,
            serving(redirect("/moved", status=status), redirect(f"http://cdn.example:{second.port}/b")) as first,
        ):
            assert fetch(fetcher(names), f"http://{HOST}:{first.port}/a", tmp_path).size_bytes == len(BODY)
        assert names.asked == [HOST, HOST, "cdn.example"]
        assert first.requests[1].startswith(b"GET /moved ")

    @pytest.mark.parametrize(
        "location",
        [
            "http://{private}:{port}/",
            "http://inside.example:{port}/",
            "http://2130706433:{port}/",
            "http://0177.0.0.1:{port}/",
            "http://[::ffff:127.0.0.1]:{port}/",
            "//{private}:{port}/",
            "http://user:password@{public}:{port}/",
            "http://{public}:{port}\\@{private}/",
            "file:///etc/hostname",
            "gopher://{private}:{port}/",
            "",
        ],
    )
    def test_none_leads_inside(self, location: str, tmp_path: Path) -> None:
        names = Names({HOST: [[PUBLIC]], "inside.example": [[PRIVATE]]})
        with serving(reply(b"secret"), host=PRIVATE) as canary:
            there = location.format(private=PRIVATE, public=PUBLIC, port=canary.port)
            with serving(redirect(there)) as web, pytest.raises(InputRefused):
                fetch(fetcher(names), f"http://{HOST}:{web.port}/", tmp_path)
        assert canary.visits == 0

    def test_a_circle_ends(self, tmp_path: Path) -> None:
        with serving(redirect("/again")) as web, pytest.raises(InputRefused):
            fetch(fetcher(), f"http://{HOST}:{web.port}/", tmp_path)
        assert web.visits == 4


class TestWhatComes:
    def test_an_endless_body_ends_at_the_limit(self, tmp_path: Path) -> None:
        endless = forever(OK_HEAD, b"10000\r\n" + bytes(0x10000) + b"\r\n")
        with serving(endless) as web, pytest.raises(MediaTooLarge):
            fetch(fetcher(), f"http://{HOST}:{web.port}/", tmp_path)

    def test_a_length_over_the_limit_is_believed(self, tmp_path: Path) -> None:
        with serving(reply(b"", content_length=str(10**15))) as web, pytest.raises(MediaTooLarge):
            fetch(fetcher(silence_s=2), f"http://{HOST}:{web.port}/", tmp_path)

    def test_a_length_that_promises_too_much_is_a_broken_transfer(self, tmp_path: Path) -> None:
        with serving(reply(b"short", content_length="100")) as web, pytest.raises(Unavailable) as lost:
            fetch(fetcher(), f"http://{HOST}:{web.port}/", tmp_path)
        assert lost.value.category is Category.NETWORK

    def test_what_comes_behind_the_length_is_not_read(self, tmp_path: Path) -> None:
        with serving(reply(BODY, content_length="3")) as web:
            assert fetch(fetcher(), f"http://{HOST}:{web.port}/", tmp_path).size_bytes == 3

    @pytest.mark.parametrize(
        "drip",
        [
            forever(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", every_s=0.02),
            forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n", every_s=0.02),
            forever(OK_HEAD, b"1\r\na\r\n", every_s=0.02),
        ],
        ids=["head", "continue", "body"],
    )
    def test_a_slow_drip_ends_at_the_deadline(self, drip: Answer, tmp_path: Path) -> None:
        begun_s = time.monotonic()
        with serving(drip) as web, pytest.raises(StageTimeout) as late:
            fetch(fetcher(deadline_s=0.3), f"http://{HOST}:{web.port}/", tmp_path)
        assert late.value.code == "fetch_timeout"
        assert time.monotonic() - begun_s < 5

    def test_silence_is_a_fault_of_the_network(self, tmp_path: Path) -> None:
        with serving(hush) as web, pytest.raises(Unavailable):
            fetch(fetcher(silence_s=0.2), f"http://{HOST}:{web.port}/", tmp_path)

    @pytest.mark.parametrize(
        "nonsense",
        [
            raw(b""),
            raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
            raw(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"),
            raw(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000),
            raw(OK_HEAD + b"zz\r\n"),
        ],
        ids=["nothing", "ssh", "no number", "endless header", "no chunk"],
    )
    def test_nonsense_is_a_fault_of_the_network(self, nonsense: Answer, tmp_path: Path) -> None:
        with serving(nonsense) as web, pytest.raises(Unavailable):
            fetch(fetcher(), f"http://{HOST}:{web.port}/", tmp_path)

    def test_what_is_compressed_is_refused_unread(self, tmp_path: Path) -> None:
        with serving(reply(BODY, content_encoding="gzip")) as web, pytest.raises(InputRefused):
            fetch(fetcher(), f"http://{HOST}:{web.port}/", tmp_path)

    @pytest.mark.parametrize(
        ("status", "error"),
        [(404, InputNotFound), (403, InputNotFound), (206, InputNotFound), (304, InputNotFound)]
        + [(status, Unavailable) for status in (408, 425, 429, 500, 503)],
    )
    def test_a_refusal_is_final_and_a_fault_is_not(
        self, status: int, error: type[OrchestratorError], tmp_path: Path
    ) -> None:
        with serving(reply(b"sorry", status=status)) as web, pytest.raises(error, match=str(status)):
            fetch(fetcher(), f"http://{HOST}:{web.port}/", tmp_path)

    def test_a_run_that_must_end_ends_between_two_pieces(self, tmp_path: Path) -> None:
        pieces = iter((True, True, False))

        def stop_soon() -> None:
            if not next(pieces):
                raise RunCanceled

        with serving(forever(OK_HEAD, b"1\r\na\r\n", every_s=0.01)) as web, pytest.raises(RunCanceled):
            fetcher().fetch(f"http://{HOST}:{web.port}/", tmp_path / "source", limit_bytes=LIMIT, keep_going=stop_soon)
        assert not (tmp_path / "source").exists()


class TestEncryption:
    @pytest.fixture
    def certified(self, tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
        return server_tls(tmp_path, HOST)

    def secure(self, trusted: Path | None, names: Names) -> HttpFetcher:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if trusted is not None:
            context.load_verify_locations(trusted)
        return HttpFetcher(names, replace(REACH, allows_http=False), Pace(10, 5), lambda: context)

    def test_the_server_proves_the_name_while_we_connect_to_the_address(
        self, certified: tuple[ssl.SSLContext, Path], tmp_path: Path
    ) -> None:
        context, trusted = certified
        with serving(reply(BODY), tls=context) as web:
            file = fetch(self.secure(trusted, Names(FOUND)), f"https://{HOST}:{web.port}/a", tmp_path)
        assert file.size_bytes == len(BODY)
        assert web.names == [HOST]

    def test_a_certificate_of_another_name_or_of_nobody_is_refused(
        self, certified: tuple[ssl.SSLContext, Path], tmp_path: Path
    ) -> None:
        context, trusted = certified
        names = Names({HOST: [[PUBLIC]], "other.example": [[PUBLIC]]})
        with serving(reply(BODY), tls=context) as web:
            for host, trust in (("other.example", trusted), (HOST, None)):
                with pytest.raises(InputRefused):
                    fetch(self.secure(trust, names), f"https://{host}:{web.port}/", tmp_path)
        assert web.visits == 0

    def test_no_redirect_gives_the_encryption_up(self, certified: tuple[ssl.SSLContext, Path], tmp_path: Path) -> None:
        context, trusted = certified
        with serving(reply(BODY)) as plain, serving(redirect(f"http://{HOST}:{plain.port}/"), tls=context) as web:
            with pytest.raises(InputRefused):
                fetch(self.secure(trusted, Names(FOUND)), f"https://{HOST}:{web.port}/", tmp_path)
            assert plain.visits == 0


def test_a_server_that_is_away_and_a_name_that_is_not_are_faults_of_the_network(tmp_path: Path) -> None:
    with serving(reply()) as gone:
        pass
    with pytest.raises(Unavailable):
        fetch(fetcher(), f"http://{HOST}:{gone.port}/", tmp_path)
    with pytest.raises(Unavailable) as unknown:
        SystemResolver().resolve("no-such-host.invalid", 443)
    assert unknown.value.code == "name_not_found"
    with pytest.raises(Unavailable):
        SystemResolver().resolve("a" * 64 + ".example", 443)
    assert PRIVATE in SystemResolver().resolve("localhost", 443)


def test_every_exception_of_httpcore_has_a_meaning() -> None:
    kinds = [kind for kind in vars(httpcore).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) > 10
    assert [kind for kind in kinds if not issubclass(kind, tuple(CLASSES))] == []
    assert all(isinstance(parse_error(kind()), OrchestratorError) for kind in kinds)


def test_servers_of_these_tests_count_their_visitors() -> None:
    with serving(reply(BODY)) as web:
        assert isinstance(web, WebServer)
        with httpcore.ConnectionPool() as pool:
            assert pool.request("GET", f"http://{PUBLIC}:{web.port}/").content == BODY
    assert web.visits == 1
