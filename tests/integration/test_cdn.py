"""What is swept is forgotten by the CDN first; what the CDN does not hear is put off, not lost."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fakes_storage import MemoryStorage
from record_store import DONE, RETENTION_MS, RecordStore, new_task, open_store
from servers import SeaweedFs
from storage_room import LARGE, get_signed

from orchestrator.adapters.cloudflare_cdn import URLS_A_CALL, CloudflareCdn
from orchestrator.adapters.redis.projects import RedisProjects
from orchestrator.adapters.redis.scripts import Scripts
from orchestrator.adapters.s3_storage import S3Storage
from orchestrator.domain.errors import OrchestratorError, Refused, Unavailable
from orchestrator.local.loopback import pick_ports
from orchestrator.services.upkeep.purge_cached import PurgeCached
from orchestrator.services.upkeep.sweep import Sweep
from orchestrator.settings import S3Settings
from orchestrator.telemetry import build_queue_metrics


@dataclass
class Zone:
    """What a CDN was asked, and how it answers."""

    url: str = ""
    status: int = 200
    files: list[list[str]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)


@contextmanager
def serving(zone: Zone) -> Iterator[None]:
    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            zone.files.append(asked["files"])
            zone.tokens.add(self.headers["authorization"])
            self.send_response(zone.status)
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        zone.url = f"http://127.0.0.1:{server.server_port}/purge_cache"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("size_bytes", [1, LARGE])
def test_every_cache_may_keep_what_is_stored_for_ever(r2_server: SeaweedFs, tmp_path: Path, size_bytes: int) -> None:
    storage, source = S3Storage(r2_server.address, cache_control=S3Settings().cache_control), tmp_path / "film"
    source.write_bytes(bytes(size_bytes))
    storage.store(source, f"cached/{size_bytes}", content_type="video/mp4")
    answer = get_signed(storage.sign_get(f"cached/{size_bytes}", expires_s=60, filename="film").url)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.fixture
def zone() -> Iterator[Zone]:
    zone = Zone()
    with serving(zone):
        yield zone


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        yield opened


def urls(count: int) -> Sequence[str]:
    return [f"https://cdn.example/{number}" for number in range(count)]


def test_urls_are_purged_thirty_a_call_with_the_token(zone: Zone) -> None:
    CloudflareCdn(zone.url, "token-of-the-zone").purge(urls(URLS_A_CALL + 1))
    assert [len(files) for files in zone.files] == [URLS_A_CALL, 1]
    assert [url for files in zone.files for url in files] == urls(URLS_A_CALL + 1)
    assert zone.tokens == {"Bearer token-of-the-zone"}


@pytest.mark.parametrize(
    ("status", "error"), [(429, Unavailable), (500, Unavailable), (503, Unavailable), (400, Refused), (403, Refused)]
)
def test_what_it_does_not_do_is_an_error(zone: Zone, status: int, error: type[OrchestratorError]) -> None:
    zone.status = status
    with pytest.raises(error):
        CloudflareCdn(zone.url, "token").purge(urls(1))


def test_one_that_is_away_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        CloudflareCdn(f"http://127.0.0.1:{pick_ports(1)[0]}", "token").purge(urls(1))


def test_the_sweep_purges_what_it_removes_and_puts_off_what_is_not_heard(store: RecordStore, zone: Zone) -> None:
    projects, storage = RedisProjects(Scripts(store.client)), MemoryStorage()
    projects.ensure("film-a")
    projects.change("film-a", {"cdn_url": "https://cdn.example/"})
    cached = PurgeCached(projects, CloudflareCdn(zone.url, "token"))
    sweep = Sweep(store.upkeep, storage, build_queue_metrics(), purge_cached=cached.purge)
    store.submit(new_task("t"))
    run = store.claim_one()
    storage.objects[run.prefix + "a.txt"] = (b"made", "text/plain")
    store.claims.finish(run, DONE)
    store.pass_time(RETENTION_MS)
    zone.status = 503
    sweep.tick()
    assert storage.objects, "the next try must know what is to be purged"
    zone.status = 200
    store.pass_time(RETENTION_MS)
    sweep.tick()
    assert zone.files[-1] == [f"https://cdn.example/{run.prefix}a.txt"]
    assert not storage.objects


def test_a_project_without_a_public_url_has_nothing_cached(store: RecordStore, zone: Zone) -> None:
    cached = PurgeCached(RedisProjects(Scripts(store.client)), CloudflareCdn(zone.url, "token"))
    cached.purge("film-a", ["projects/film-a/a.txt"])
    cached.purge("nobody", ["projects/nobody/a.txt"])
    assert zone.files == []
