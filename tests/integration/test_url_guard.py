"""Inputs by URL: no name, number, redirect or certificate leads inside (fault 32, the fetcher's side)."""

import ssl
import time
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import httpcore
import pytest
from fetch_room import BODY, FOUND, HOST, fetch, fetcher
from hostile_web import (
    PRIVATE,
    PUBLIC,
    REACH,
    Names,
    redirect,
    reply,
    serving,
)
from made_certificate import server_tls

from orchestrator.adapters.system_resolver import SystemResolver
from orchestrator.adapters.web import HttpFetcher, Pace
from orchestrator.adapters.web.guard import Deadline, Guard
from orchestrator.domain.errors import (
    Category,
    InputRefused,
)
from orchestrator.domain.web_address import PUBLIC_HTTPS, Reach

pytestmark = pytest.mark.timeout(30)


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
            fetch(fetcher(Names({HOST: [addresses]})), f"http://{HOST}:{canary.port}/", into=tmp_path)
        assert canary.visits == 0
        assert not any(address in str(refused.value) for address in addresses), "no map of our network for strangers"
        assert refused.value.category is Category.INVALID_INPUT

    @pytest.mark.parametrize(
        "host", [PRIVATE, "[::1]", "[::ffff:7f00:1]", "2130706433", "0177.0.0.1", "0x7f.1", "127.1", "①②⑦.0.0.1"]
    )
    def test_a_number_in_place_of_a_name_changes_nothing(self, host: str, tmp_path: Path) -> None:
        with serving(reply(BODY), host=PRIVATE) as canary, pytest.raises(InputRefused):
            fetch(fetcher(SystemResolver()), f"http://{host}:{canary.port}/", into=tmp_path)
        assert canary.visits == 0

    def test_a_name_of_this_machine_is_refused_by_the_real_resolver(self, tmp_path: Path) -> None:
        with serving(reply(BODY), host=PRIVATE) as canary, pytest.raises(InputRefused):
            fetch(fetcher(SystemResolver()), f"http://localhost:{canary.port}/", into=tmp_path)
        assert canary.visits == 0

    def test_a_name_that_changes_its_address_is_asked_once(self, tmp_path: Path) -> None:
        names = Names({HOST: [[PUBLIC], [PRIVATE]]})
        with serving(reply(BODY), host=PUBLIC) as web, serving(reply(b"secret"), host=PRIVATE) as canary:
            fetch(fetcher(names), f"http://{HOST}:{web.port}/", into=tmp_path)
            (tmp_path / "source").unlink()
            with pytest.raises(InputRefused):
                fetch(fetcher(names), f"http://{HOST}:{canary.port}/", into=tmp_path)
        assert names.asked == [HOST, HOST]
        assert canary.visits == 0

    def test_a_public_host_is_asked_on_ports_of_the_web_only(self, tmp_path: Path) -> None:
        names = Names({HOST: [["93.184.216.34"]]})
        for url in (f"http://{HOST}:22/", f"http://{HOST}:6379/", f"http://{HOST}:8080/"):
            with pytest.raises(InputRefused, match="not on a port of the web"):
                fetch(fetcher(names, reach=Reach(allows_http=True)), url, into=tmp_path)
        with pytest.raises(InputRefused, match="without encryption"):
            fetch(fetcher(names, reach=PUBLIC_HTTPS), f"http://{HOST}/", into=tmp_path)

    def test_a_peer_at_another_address_is_left_at_once(self) -> None:
        class Diverted(httpcore.SyncBackend):
            """A network in which all ways lead to the private host."""

            def connect_tcp(self, host: str, port: int, *_options: object) -> httpcore.NetworkStream:
                assert host == PUBLIC, "no name comes here"
                return super().connect_tcp(PRIVATE, port)

        with serving(reply(BODY), host=PRIVATE) as canary:
            guard = Guard(Names(FOUND), REACH, Deadline(time.monotonic() + 5), Diverted())
            with pytest.raises(InputRefused):
                guard.connect_tcp(HOST, canary.port)
        assert canary.requests in ([], [b""])

    def test_an_address_that_does_not_answer_is_followed_by_the_next(self, tmp_path: Path) -> None:
        wide = replace(REACH, private_networks=(ip_network("127.0.0.2/31"),))
        with serving(reply(BODY)) as web:
            names = Names({HOST: [["127.0.0.3", PUBLIC]]})
            assert fetch(fetcher(names, reach=wide), f"http://{HOST}:{web.port}/", into=tmp_path).size_bytes == len(
                BODY
            )


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_few_are_followed_each_judged_anew(self, status: int, tmp_path: Path) -> None:
        names = Names({HOST: [[PUBLIC]], "cdn.example": [[PUBLIC]]})
        with (
            serving(reply(BODY)) as second,
            serving(redirect("/moved", status=status), redirect(f"http://cdn.example:{second.port}/b")) as first,
        ):
            assert fetch(fetcher(names), f"http://{HOST}:{first.port}/a", into=tmp_path).size_bytes == len(BODY)
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
                fetch(fetcher(names), f"http://{HOST}:{web.port}/", into=tmp_path)
        assert canary.visits == 0

    def test_a_circle_ends(self, tmp_path: Path) -> None:
        with serving(redirect("/again")) as web, pytest.raises(InputRefused):
            fetch(fetcher(), f"http://{HOST}:{web.port}/", into=tmp_path)
        assert web.visits == 4


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
            file = fetch(self.secure(trusted, Names(FOUND)), f"https://{HOST}:{web.port}/a", into=tmp_path)
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
                    fetch(self.secure(trust, names), f"https://{host}:{web.port}/", into=tmp_path)
        assert web.visits == 0

    def test_no_redirect_gives_the_encryption_up(self, certified: tuple[ssl.SSLContext, Path], tmp_path: Path) -> None:
        context, trusted = certified
        with serving(reply(BODY)) as plain, serving(redirect(f"http://{HOST}:{plain.port}/"), tls=context) as web:
            with pytest.raises(InputRefused):
                fetch(self.secure(trusted, Names(FOUND)), f"https://{HOST}:{web.port}/", into=tmp_path)
            assert plain.visits == 0
