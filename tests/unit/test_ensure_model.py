"""`EnsureModel`: trusts where a run was placed, asks an owner for what is not there, and says what answers."""

from dataclasses import dataclass, field, replace

import pytest
from fakes_engine import FakeControl, FakeEngine
from run_room import HandClock
from running_task import TASK

from orchestrator.domain.errors import Category, Unavailable
from orchestrator.domain.model import GPU_OOM, Instance, ModelNotFound, Placement, Resident, ResidentState
from orchestrator.domain.task import Run
from orchestrator.ports.inference import InferenceServer
from orchestrator.services.runs.ensure_model import EnsureModel

UNPLACED = Run(TASK, 1, "r", "worker-1")
PLACED = replace(UNPLACED, placement=Placement("echo@2", "gpu:2"))


@dataclass
class Notes:
    """What was noted; ``away`` is a store that nobody can reach."""

    away: bool = False
    noted: list[tuple[str, str]] = field(default_factory=list)

    def note(self, model: str, versions: str) -> None:
        if self.away:
            raise Unavailable("away", service="redis", category=Category.NETWORK)
        self.noted.append((model, versions))


@dataclass
class Owners:
    """Those of ``known`` instances; who wants something is written down."""

    known: tuple[Instance, ...] = ()
    away: bool = False
    wanted: list[str] = field(default_factory=list)
    crowded: list[tuple[str, str]] = field(default_factory=list)

    def instances(self) -> tuple[Instance, ...]:
        return self.known

    def want(self, release: str) -> None:
        if self.away:
            raise Unavailable("away", service="redis", category=Category.NETWORK)
        self.wanted.append(release)

    def crowd(self, instance: str, release: str) -> None:
        if self.away:
            raise Unavailable("away", service="redis", category=Category.NETWORK)
        self.crowded.append((instance, release))


@dataclass
class Room:
    """A service over fakes."""

    control: FakeControl
    owners: Owners = field(default_factory=Owners)
    notes: Notes = field(default_factory=Notes)
    clock: HandClock = field(default_factory=HandClock)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        server = InferenceServer(FakeEngine({}), self.control)

        def at(instance: str) -> InferenceServer:
            self.asked.append(instance)
            return server

        self.models = EnsureModel(at, self.owners, self.notes, self.clock)


OWNED = (Instance("gpu:1"),)


def test_a_model_that_serves_is_asked_for_once_in_a_while() -> None:
    room = Room(FakeControl({"echo": "READY"}))
    for _ in range(3):
        room.models.ensure(UNPLACED)
    assert (room.control.loads, room.notes.noted) == ([], [("echo", "1")])
    room.clock.now_s += room.models.trust_s
    room.models.ensure(UNPLACED)
    room.models.doubt(UNPLACED)
    room.models.ensure(UNPLACED)
    assert len(room.notes.noted) == 3
    assert not room.owners.wanted, "nobody owns what a run was not placed on"


def test_without_an_owner_what_is_not_there_is_loaded() -> None:
    room = Room(FakeControl({"echo": "UNAVAILABLE"}))
    room.models.ensure(UNPLACED)
    assert (room.control.loads, room.notes.noted) == (["echo"], [("echo", "1")])
    with pytest.raises(ModelNotFound, match="no model 'echo'"):
        Room(FakeControl()).models.ensure(UNPLACED)


def test_an_owner_is_asked_and_nothing_is_loaded() -> None:
    room = Room(FakeControl({"echo": "UNAVAILABLE"}), Owners(OWNED))
    with pytest.raises(Unavailable) as raised:
        room.models.ensure(UNPLACED)
    assert raised.value.category is Category.MODEL_UNAVAILABLE
    assert (room.owners.wanted, room.control.loads) == (["echo"], [])
    room.control.states["echo"] = "READY"
    room.models.ensure(UNPLACED)


@pytest.mark.parametrize(("code", "category"), [("", Category.MODEL_UNAVAILABLE), (GPU_OOM, Category.GPU_MEMORY)])
def test_who_waits_is_told_what_its_owner_says(code: str, category: Category) -> None:
    failed = Resident("echo", ResidentState.FAILED, error="the weights are torn", code=code)
    other = Resident("other", ResidentState.FAILED, error="not of this model")
    room = Room(FakeControl({"echo": "UNAVAILABLE"}), Owners((Instance("gpu:1", residents=(other, failed)),)))
    with pytest.raises(Unavailable, match="the weights are torn") as raised:
        room.models.ensure(UNPLACED)
    assert (raised.value.category, raised.value.code) == (category, code or Unavailable.code)


def test_a_placed_run_asks_its_release_and_leaves_the_notes_to_the_owner() -> None:
    room = Room(FakeControl({"echo@2": "READY"}), Owners(OWNED))
    serving = room.models.ensure(PLACED)
    assert (serving.version, serving.release) == ("1", "echo@2")
    assert room.models.ensure(PLACED) is serving
    assert room.notes.noted == []
    assert set(room.asked) == {"gpu:2"}


def test_a_placed_run_that_finds_nothing_lets_the_owner_know() -> None:
    room = Room(FakeControl({"echo@2": "UNAVAILABLE"}), Owners(OWNED))
    with pytest.raises(Unavailable):
        room.models.ensure(PLACED)
    room.models.doubt(PLACED)
    assert room.owners.wanted == ["echo@2", "echo@2"]
    room.owners.away = True
    room.models.doubt(PLACED)  # which ends a run: no store may be in its way


def test_the_owner_hears_of_a_placed_run_for_which_memory_did_not_suffice() -> None:
    room = Room(FakeControl({"echo@2": "READY"}), Owners(OWNED))
    room.models.crowd(PLACED)
    room.models.crowd(UNPLACED)
    assert room.owners.crowded == [("gpu:2", "echo@2")]
    room.owners.away = True
    room.models.crowd(PLACED)  # which goes on with less


def test_no_run_fails_because_nobody_hears_of_its_versions() -> None:
    room = Room(FakeControl({"echo": "READY"}), notes=Notes(away=True))
    room.models.ensure(UNPLACED)


def test_it_says_what_answers_and_how_that_is_configured() -> None:
    room = Room(FakeControl({"echo": "READY"}), notes=Notes(away=True))
    before = room.models.ensure(UNPLACED)
    assert (before.version, before.release) == ("1", "echo")
    assert room.models.serving(UNPLACED) == before
    room.control.configs["echo"] = {"max_batch_size": "8"}
    assert room.models.ensure(UNPLACED) == before, "it is believed for a while"
    room.clock.now_s += room.models.trust_s
    assert room.models.ensure(UNPLACED).config_sha256 != before.config_sha256


def test_to_ask_what_answers_loads_nothing() -> None:
    room = Room(FakeControl({"echo": "UNAVAILABLE"}))
    assert room.models.serving(UNPLACED) is None
    assert Room(FakeControl(away=True)).models.serving(UNPLACED) is None
    assert not room.control.loads
