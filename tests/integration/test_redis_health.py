"""A store that could lose what it accepted is not fit, and `/readyz` says why."""

from pathlib import Path

import pytest
from servers import valkey

from orchestrator.adapters.redis.connection import API, connect
from orchestrator.adapters.redis.health import RedisHealth
from orchestrator.domain.errors import Unavailable


def test_a_durable_store_is_fit(redis_url: str) -> None:
    RedisHealth(connect(redis_url, API)).check()


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (("--appendfsync", "everysec"), "appendfsync always"),
        (("--appendonly", "no"), "appendonly yes"),
        (("--maxmemory-policy", "allkeys-lru"), "maxmemory-policy noeviction"),
    ],
)
def test_an_unfit_store_is_named(tmp_path: Path, flags: tuple[str, ...], reason: str) -> None:
    with valkey(tmp_path, extra=flags) as server, pytest.raises(Exception, match=reason) as caught:
        RedisHealth(connect(server.url, API)).check()
    assert getattr(caught.value, "code", None) == "unfit_store"


def test_a_lossy_store_is_fit_when_the_settings_say_so(tmp_path: Path) -> None:
    with valkey(tmp_path, extra=("--appendfsync", "everysec")) as server:
        RedisHealth(connect(server.url, API), require_durable=False).check()


def test_a_store_that_is_away_is_unavailable(tmp_path: Path) -> None:
    with valkey(tmp_path) as server:
        health = RedisHealth(connect(server.url, API))
    with pytest.raises(Unavailable):
        health.check()
