"""Whether there is a model, and what the one of a run takes."""

import hashlib
import json

import pytest
from fakes_engine import FakeControl, FakeEngine
from fakes_storage import MemoryStorage
from run_room import HandClock
from running_task import TASK

from orchestrator.domain.errors import Category, Refused, Unavailable
from orchestrator.domain.manifest import Manifest, PictureSpec, ReleaseFile
from orchestrator.domain.model import Instance, Placement, Release, Resident, ResidentState
from orchestrator.domain.push import folder_of
from orchestrator.domain.signature import Signature
from orchestrator.domain.task import Run
from orchestrator.ports.inference import InferenceServer
from orchestrator.services.models.find_models import FindModels
from orchestrator.services.models.stored_releases import StoredReleases
from orchestrator.services.runs.describe_model import DescribeModel

PITCH = Release("pitch", 3)
LABELS = b"red\ngreen\n"


class Told(FakeControl):
    """Says of `pitch@3` that it takes nothing and gives nothing; of others, what nobody can read."""

    def config(self, model: str) -> str:
        return json.dumps({"input": [], "output": [], "max_batch_size": 8}) if model == PITCH.name else "[]"


def node(*releases: str) -> tuple[Instance, ...]:
    return (Instance("triton:8001", residents=tuple(Resident(name, ResidentState.UNLOADED) for name in releases)),)


@pytest.fixture
def storage() -> MemoryStorage:
    """Holds `pitch@3` with its labels."""
    file = ReleaseFile("labels.txt", len(LABELS), hashlib.sha256(LABELS).hexdigest())
    manifest = Manifest(PITCH, (file,), "", (), (), picture=PictureSpec(width=4, labels="labels.txt"))
    folder, described = folder_of(PITCH), json.dumps(manifest.render()).encode()
    return MemoryStorage(
        {f"{folder}manifest.json": (described, "application/json"), f"{folder}labels.txt": (LABELS, "text/plain")}
    )


def describe(storage: MemoryStorage, name: str) -> Signature:
    server = InferenceServer(FakeEngine({}), Told())
    run = Run(TASK, 1, "r", "worker-1", Placement(name, "triton:8001"))
    return DescribeModel(lambda _address: server, StoredReleases(storage, url_expires_s=0)).describe(run)


def test_a_model_is_known_by_its_releases_loaded_or_not() -> None:
    knows = FindModels(lambda: node("echo", "pitch@2"), HandClock()).knows
    assert [knows(name) for name in ("echo", "pitch@2", "pitch@3", "ech")] == [True, True, False, False]


def test_a_model_without_a_stock_release_is_known_while_one_serves_it_or_is_about_to() -> None:
    routes = {"pitch": {"pitch@2": 0}}
    knows = FindModels(lambda: node("echo", "pitch@2"), HandClock(), routes=lambda name: routes.get(name, {})).knows
    assert knows("pitch")
    routes.clear()
    assert not knows("pitch"), "it was refused"


def test_nobody_is_refused_while_what_serves_cannot_be_asked() -> None:
    def away(_model: str) -> dict[str, int]:
        raise Unavailable("away", service="redis", category=Category.NETWORK)

    assert FindModels(lambda: node("echo"), HandClock(), routes=away).knows("pitch") is None


def test_nobody_is_refused_where_nobody_can_say() -> None:
    def away() -> tuple[Instance, ...]:
        raise Unavailable("away", service="redis", category=Category.NETWORK)

    assert FindModels(away, HandClock()).knows("echo") is None
    assert FindModels(node, HandClock()).knows("echo") is None


def test_it_looks_again_after_a_while_only() -> None:
    looks, clock = [node("echo"), node("echo", "pitch")], HandClock()
    knows = FindModels(lambda: looks.pop(0), clock).knows
    assert not knows("pitch")
    assert not knows("pitch")
    clock.now_s += 3
    assert knows("pitch")


def test_what_was_pushed_and_not_fetched_is_known_by_its_version(storage: MemoryStorage) -> None:
    knows = FindModels(lambda: node("echo"), HandClock(), StoredReleases(storage, url_expires_s=0)).knows
    assert [knows(name) for name in ("pitch@3", "pitch@4", "pitch")] == [True, False, False]
    storage.failure = Unavailable("away", service="storage", category=Category.STORAGE)
    assert knows("pitch@3") is None


def test_the_manifest_says_what_one_does_with_pictures(storage: MemoryStorage) -> None:
    signature = describe(storage, "pitch@3")
    assert (signature.max_batch, signature.picture) == (8, PictureSpec(width=4, labels="labels.txt"))
    assert signature.labels == ("red", "green")


def test_a_release_that_was_deleted_since_is_described_by_its_configuration() -> None:
    assert describe(MemoryStorage(), "pitch@3") == Signature((), (), max_batch=8)


def test_a_configuration_that_nobody_can_read_is_no_bug_of_ours(storage: MemoryStorage) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        describe(storage, "echo")
