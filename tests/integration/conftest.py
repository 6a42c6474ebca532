"""The front door over an empty store, and a tenant who stands at it. A file that wants another storage says so."""

from collections.abc import Iterator

import httpx
import pytest
from fakes_storage import MemoryStorage
from front_door import FrontDoor, front_door

from orchestrator.ports.storage import ObjectStorage


@pytest.fixture
def storage() -> ObjectStorage:
    return MemoryStorage()


@pytest.fixture
def streams() -> int:
    """How many streams the door lets be open."""
    return 1000


@pytest.fixture
def door(redis_url: str, storage: ObjectStorage, streams: int) -> Iterator[FrontDoor]:
    with front_door(redis_url, storage, streams=streams) as door:
        yield door


@pytest.fixture
def film_a(door: FrontDoor) -> Iterator[httpx.Client]:
    with door.caller() as caller:
        yield caller
