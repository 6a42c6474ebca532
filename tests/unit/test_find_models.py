"""Whether there is a model."""

from run_room import HandClock

from orchestrator.domain.errors import Category, Unavailable
from orchestrator.domain.model import Instance, Resident, ResidentState
from orchestrator.services.find_models import FindModels


def node(*releases: str) -> tuple[Instance, ...]:
    return (Instance("triton:8001", residents=tuple(Resident(name, ResidentState.UNLOADED) for name in releases)),)


def test_a_model_is_known_by_its_releases_loaded_or_not() -> None:
    knows = FindModels(lambda: node("echo", "pitch@2"), HandClock()).knows
    assert [knows(name) for name in ("echo", "pitch", "pitch@2", "pitch@3", "ech")] == [True, True, True, False, False]


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
