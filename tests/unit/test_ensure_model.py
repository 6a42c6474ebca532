"""`EnsureModel`: loads what is not there, and says which versions serve."""

from dataclasses import dataclass, field

import pytest
from fakes_engine import FakeControl
from run_room import HandClock

from orchestrator.domain.errors import Category, Refused, Unavailable
from orchestrator.services.ensure_model import EnsureModel


@dataclass
class Notes:
    """What was noted; ``away`` is a store that nobody can reach."""

    away: bool = False
    noted: list[tuple[str, str]] = field(default_factory=list)

    def note(self, model: str, versions: str) -> None:
        if self.away:
            raise Unavailable("away", service="redis", category=Category.NETWORK)
        self.noted.append((model, versions))


def test_a_model_that_serves_is_asked_for_once_in_a_while() -> None:
    control, notes, clock = FakeControl({"echo": "READY"}), Notes(), HandClock()
    models = EnsureModel(control, notes, clock)
    for _ in range(3):
        models.ensure("echo")
    assert (control.loads, notes.noted) == ([], [("echo", "1")])
    clock.now_s += models.trust_s
    models.ensure("echo")
    models.doubt("echo")
    models.ensure("echo")
    assert len(notes.noted) == 3


def test_a_model_that_is_not_there_is_loaded_first() -> None:
    control, notes = FakeControl({"echo": "UNAVAILABLE"}), Notes()
    EnsureModel(control, notes, HandClock()).ensure("echo")
    assert (control.loads, notes.noted) == (["echo"], [("echo", "1")])
    with pytest.raises(Refused):
        EnsureModel(control, notes, HandClock()).ensure("nothing")


def test_no_run_fails_because_nobody_hears_of_its_versions() -> None:
    control = FakeControl({"echo": "READY"})
    EnsureModel(control, Notes(away=True), HandClock()).ensure("echo")


def test_it_says_what_answers_and_how_that_is_configured() -> None:
    control, clock = FakeControl({"echo": "READY"}), HandClock()
    models = EnsureModel(control, Notes(away=True), clock)
    before = models.ensure("echo")
    assert (before.version, models.serving("echo")) == ("1", before)
    control.configs["echo"] = {"max_batch_size": "8"}
    assert models.ensure("echo") == before, "it is believed for a while"
    clock.now_s += models.trust_s
    assert models.ensure("echo").config_sha256 != before.config_sha256


def test_to_ask_what_answers_loads_nothing() -> None:
    control = FakeControl({"echo": "UNAVAILABLE"})
    assert EnsureModel(control, Notes(), HandClock()).serving("echo") is None
    assert EnsureModel(FakeControl(away=True), Notes(), HandClock()).serving("echo") is None
    assert not control.loads
