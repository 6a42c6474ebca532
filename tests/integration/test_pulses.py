"""The bell of a lane on a real broker, and on one that is away: it may be lost, it never gets in the way."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from servers import Valkey, valkey

from orchestrator.adapters.celery_pulses import KEY_PREFIX, PULSES_WAITING, CeleryPulses, build_celery, queue_of


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Valkey]:
    with valkey(tmp_path) as server:
        yield server


@pytest.fixture
def pulses(broker: Valkey) -> CeleryPulses:
    return CeleryPulses(build_celery(broker.url), broker.url)


def waiting(broker: Valkey, lane: str) -> object:
    with redis.Redis.from_url(broker.url) as client:
        return client.llen(KEY_PREFIX + queue_of(lane))


def test_a_ring_waits_in_the_queue_of_its_lane(broker: Valkey, pulses: CeleryPulses) -> None:
    pulses.ring("video")
    assert (waiting(broker, "video"), waiting(broker, "image")) == (1, 0)


def test_a_lane_that_has_enough_pulses_is_not_rung(broker: Valkey, pulses: CeleryPulses) -> None:
    for _ in range(3 * PULSES_WAITING):
        pulses.ring("io")
    assert waiting(broker, "io") == PULSES_WAITING


def test_a_broker_that_is_away_costs_a_moment_and_no_error(broker: Valkey, pulses: CeleryPulses) -> None:
    pulses.ring("io")
    broker.kill()
    begun = time.monotonic()
    pulses.ring("io")
    assert time.monotonic() - begun < 5, "the port promises about a second; this bound is for a busy machine"


def test_a_broker_that_came_back_is_rung_again(broker: Valkey, pulses: CeleryPulses) -> None:
    broker.kill()
    pulses.ring("io")
    broker.start()
    pulses.ring("io")
    assert waiting(broker, "io") == 1
