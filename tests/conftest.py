"""The real servers, one of each per test process (`groups.py`), started when a test first asks for it."""

import contextlib
import io
import logging
import os
from collections.abc import Iterator

import payload_cms_server
import pytest
import redis
import servers
import strict_r2
import structlog
from groups import GroupScheduling, rank_of
from hypothesis import settings
from xdist.remote import Producer

from orchestrator.local.payload import NodeMissing, find_node
from orchestrator.telemetry import configure_logging

# A deadline for one example tells how busy the machine is; every test has a timeout of its own.
settings.register_profile("no deadlines", deadline=None)
settings.load_profile("no deadlines")


def pytest_configure() -> None:
    # All of this machine is plain HTTP, or says what it trusts. Each HTTP client of a test and of a process under test
    # would read the 140 authorities of the public, which takes it 30 ms; so it reads one, which nobody is.
    os.environ["SSL_CERT_FILE"] = str(servers.ROOT / "tests" / "fixtures" / "authority.pem")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> GroupScheduling | None:
    if config.option.dist != "load":
        return None  # `make chaos` asks for file by file
    config.option.loadscopereorder = False
    return GroupScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: rank_of(item.nodeid))


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Valkey]:
    with servers.valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: servers.Valkey) -> str:
    """An empty store. A test that kills the server makes one of its own with `servers.valkey`."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.SeaweedFs]:
    with servers.seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server


@pytest.fixture(scope="session")
def r2_server(s3_server: servers.SeaweedFs) -> Iterator[servers.SeaweedFs]:
    """The same, refusing what Cloudflare R2 refuses. Tests that break it make one of their own."""
    with strict_r2.strict_r2(s3_server) as r2:
        yield r2.server


@pytest.fixture(scope="session")
def triton_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Triton]:
    """With `echo` and `rehearsal` loaded. Without .venv-triton this fails: nothing real is ever skipped."""
    with servers.triton(tmp_path_factory.mktemp("triton"), models=("echo", "rehearsal")) as server:
        yield server


@pytest.fixture(scope="session")
def payload_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[payload_cms_server.Payload]:
    """A machine without Node.js, which nothing else needs, skips its tests; one on which it is not installed fails."""
    try:
        find_node()
    except NodeMissing as missing:
        pytest.skip(str(missing))
    with payload_cms_server.payload(tmp_path_factory.mktemp("payload")) as server:
        yield server


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that this process logs from now on, as in production."""
    lines, before = io.StringIO(), logging.getLogger().handlers[:]
    with contextlib.redirect_stderr(lines):
        configure_logging(level="debug", as_json=True)
    yield lines
    structlog.reset_defaults()
    logging.basicConfig(handlers=before, level="WARNING", force=True)
