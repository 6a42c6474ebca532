"""How often an echo asks the store. Each round trip costs more than all that is done around it, on either side, so a
feature that adds one to every task is noticed here, and not by the next benchmark (docs/performance.md).
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fakes_engine import FakeControl, FakeEngine, served_by
from fakes_storage import MemoryStorage
from front_door import Bells, FrontDoor
from overheard import overheard
from record_store import RecordStore, new_task, open_store
from run_room import echo

from orchestrator.adapters.redis.breakers import RedisBreakers
from orchestrator.adapters.redis.reservations import RedisReservations
from orchestrator.adapters.redis.residency import RedisResidency
from orchestrator.adapters.system_clock import SystemClock
from orchestrator.domain.lane import LANE_SLOTS
from orchestrator.settings import Settings, WorkerSettings
from orchestrator.wiring.worker import WorkerPorts, build_drain

ECHO = {"type": "system.echo"}
TRIES = 5  # now and then a key or a cost is looked up again


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage({})


@pytest.fixture
def store(redis_url: str) -> Iterator[RecordStore]:
    with open_store(redis_url) as opened:
        yield opened


def of_each_try(redis_url: str, call: Callable[[], object]) -> list[list[str]]:
    call()
    found = []
    for _ in range(TRIES):
        with overheard(redis_url) as said:
            call()
        found.append(said)
    return found


@pytest.mark.usefixtures("door")
def test_a_submit_is_one(film_a: httpx.Client, redis_url: str) -> None:
    submits = of_each_try(redis_url, lambda: film_a.post("/v1/tasks", json=ECHO).raise_for_status())
    assert ["submit"] in submits, submits


def test_a_look_at_a_first_run_is_one(door: FrontDoor, film_a: httpx.Client, redis_url: str) -> None:
    link = film_a.post("/v1/tasks", json=ECHO).json()["links"]["self"]
    door.next_run()
    looks = of_each_try(redis_url, lambda: film_a.get(link).raise_for_status())
    assert ["HGETALL"] in looks, looks


def test_runs_of_a_child_share_their_claim_and_their_first_beat(
    store: RecordStore, redis_url: str, tmp_path: Path
) -> None:
    slots = LANE_SLOTS["io"]
    store.submit(*(new_task(f"t{number}") for number in range(slots)))
    ports = WorkerPorts(
        claims=store.claims,
        pulses=Bells(),
        storage=MemoryStorage({}),
        server=served_by(FakeEngine({"echo": echo}), FakeControl({"echo": "READY"})),
        residency=RedisResidency(store.scripts),
        reservations=RedisReservations(store.scripts),
        served=Unheard(),
        breakers=RedisBreakers(store.scripts, SystemClock()),
        attempts=store.reads.attempts,
        clock=SystemClock(),
    )
    settings = Settings(worker=WorkerSettings(scratch_dir=tmp_path))
    with overheard(redis_url) as said:
        assert build_drain(settings, ports, lane="io", is_stopping=lambda: False).drain("io") == slots
    assert said.count("breaker") < slots / 2, said
    said = [script for script in said if script != "breaker"]
    assert said[:3] == ["claim", "beat", "finish"], said
    assert said.count("finish") == slots, said
    assert said.count("beat") == 1, said


class Unheard:
    """Notes of models that nobody reads."""

    def note(self, model: str, versions: str) -> None:
        pass
