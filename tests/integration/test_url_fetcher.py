"""Inputs by URL: what comes of servers that are slow, endless, broken or liars (fault 32, the fetcher's side)."""

import hashlib
import time
from pathlib import Path

import httpcore
import pytest
from fetch_room import BODY, HOST, LIMIT, OK_HEAD, fetch, fetcher
from hostile_web import (
    PRIVATE,
    PUBLIC,
    Answer,
    WebServer,
    forever,
    hush,
    raw,
    reply,
    serving,
)

from orchestrator.adapters.system_resolver import SystemResolver
from orchestrator.adapters.web.fetch_status import CLASSES, parse_error
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
from orchestrator.ports.web import WebFile

pytestmark = pytest.mark.timeout(30)


def test_a_file_comes_whole_with_its_size_and_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{PRIVATE}:9")  # nobody answers there
    with serving(reply(BODY, content_type="video/mp4")) as web:
        file = fetch(fetcher(), f"http://{HOST}:{web.port}/a/b.mp4?sig=1%2F2", into=tmp_path)
    assert file == WebFile(len(BODY), hashlib.sha256(BODY).hexdigest())
    assert (tmp_path / "source").read_bytes() == BODY
    (request,) = web.requests
    head = request.decode().split("\r\n")
    assert head[0] == "GET /a/b.mp4?sig=1%2F2 HTTP/1.1"
    assert {f"Host: {HOST}:{web.port}", "Accept-Encoding: identity"} <= set(head)
    assert not [line for line in head if line.lower().startswith(("authorization", "cookie", "proxy"))]


def test_a_file_in_chunks_comes_whole_too(tmp_path: Path) -> None:
    with serving(raw(OK_HEAD + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")) as web:
        assert fetch(fetcher(), f"http://{HOST}:{web.port}/", into=tmp_path).size_bytes == 5
    assert (tmp_path / "source").read_bytes() == b"abcde"


def test_a_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"mine")
    with serving(reply(BODY)) as web, pytest.raises(FileExistsError):
        fetch(fetcher(), f"http://{HOST}:{web.port}/", into=tmp_path)
    assert (tmp_path / "source").read_bytes() == b"mine"


class TestWhatComes:
    def test_an_endless_body_ends_at_the_limit(self, tmp_path: Path) -> None:
        endless = forever(OK_HEAD, b"10000\r\n" + bytes(0x10000) + b"\r\n")
        with serving(endless) as web, pytest.raises(MediaTooLarge):
            fetch(fetcher(), f"http://{HOST}:{web.port}/", into=tmp_path)

    def test_a_length_over_the_limit_is_believed(self, tmp_path: Path) -> None:
        with serving(reply(b"", content_length=str(10**15))) as web, pytest.raises(MediaTooLarge):
            fetch(fetcher(silence_s=2), f"http://{HOST}:{web.port}/", into=tmp_path)

    def test_a_length_that_promises_too_much_is_a_broken_transfer(self, tmp_path: Path) -> None:
        with serving(reply(b"short", content_length="100")) as web, pytest.raises(Unavailable) as lost:
            fetch(fetcher(), f"http://{HOST}:{web.port}/", into=tmp_path)
        assert lost.value.category is Category.NETWORK

    def test_what_comes_behind_the_length_is_not_read(self, tmp_path: Path) -> None:
        with serving(reply(BODY, content_length="3")) as web:
            assert fetch(fetcher(), f"http://{HOST}:{web.port}/", into=tmp_path).size_bytes == 3

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
            fetch(fetcher(deadline_s=0.3), f"http://{HOST}:{web.port}/", into=tmp_path)
        assert late.value.code == "fetch_timeout"
        assert time.monotonic() - begun_s < 5

    def test_silence_is_a_fault_of_the_network(self, tmp_path: Path) -> None:
        with serving(hush) as web, pytest.raises(Unavailable):
            fetch(fetcher(silence_s=0.2), f"http://{HOST}:{web.port}/", into=tmp_path)

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
            fetch(fetcher(), f"http://{HOST}:{web.port}/", into=tmp_path)

    def test_what_is_compressed_is_refused_unread(self, tmp_path: Path) -> None:
        with serving(reply(BODY, content_encoding="gzip")) as web, pytest.raises(InputRefused):
            fetch(fetcher(), f"http://{HOST}:{web.port}/", into=tmp_path)

    @pytest.mark.parametrize(
        ("status", "error"),
        [(404, InputNotFound), (403, InputNotFound), (206, InputNotFound), (304, InputNotFound)]
        + [(status, Unavailable) for status in (408, 425, 429, 500, 503)],
    )
    def test_a_refusal_is_final_and_a_fault_is_not(
        self, status: int, error: type[OrchestratorError], tmp_path: Path
    ) -> None:
        with serving(reply(b"sorry", status=status)) as web, pytest.raises(error, match=str(status)):
            fetch(fetcher(), f"http://{HOST}:{web.port}/", into=tmp_path)

    def test_a_run_that_must_end_ends_between_two_pieces(self, tmp_path: Path) -> None:
        pieces = iter((True, True, False))

        def stop_soon() -> None:
            if not next(pieces):
                raise RunCanceled

        with serving(forever(OK_HEAD, b"1\r\na\r\n", every_s=0.01)) as web, pytest.raises(RunCanceled):
            fetcher().fetch(f"http://{HOST}:{web.port}/", tmp_path / "source", limit_bytes=LIMIT, keep_going=stop_soon)
        assert not (tmp_path / "source").exists()


def test_a_server_that_is_away_and_a_name_that_is_not_are_faults_of_the_network(tmp_path: Path) -> None:
    with serving(reply()) as gone:
        pass
    with pytest.raises(Unavailable):
        fetch(fetcher(), f"http://{HOST}:{gone.port}/", into=tmp_path)
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
