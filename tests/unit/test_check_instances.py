"""`CheckInstances`: who is ill is named, and only that one counts as away; old news is none."""

import pytest
from fakes_residency import FakeResidency

from orchestrator.domain.errors import Unavailable
from orchestrator.domain.model import Instance
from orchestrator.services.residency.check_instances import TOLD_WITHIN_MS, CheckInstances


@pytest.fixture
def residency() -> FakeResidency:
    known = FakeResidency()
    for address in ("gpu-1", "gpu-2"):
        known.note_instance(Instance(address))
    return known


def test_all_well(residency: FakeResidency) -> None:
    CheckInstances(residency).check()
    CheckInstances(residency).require("gpu-1")


def test_one_that_is_ill_is_named_and_the_other_is_none_the_worse(residency: FakeResidency) -> None:
    residency.suspect("gpu-2", "the canary is not answered")
    for ask in (CheckInstances(residency).check, lambda: CheckInstances(residency).require("gpu-2")):
        with pytest.raises(Unavailable, match=r"^not asked: gpu-2 \(the canary is not answered\)$"):
            ask()
    CheckInstances(residency).require("gpu-1")


def test_all_that_are_ill_are_named(residency: FakeResidency) -> None:
    for address in ("gpu-1", "gpu-2"):
        residency.suspect(address, "it hangs")
    with pytest.raises(Unavailable, match=r"gpu-1 \(it hangs\), gpu-2 \(it hangs\)"):
        CheckInstances(residency).check()


def test_what_an_owner_said_long_ago_says_nothing_of_now(residency: FakeResidency) -> None:
    residency.suspect("gpu-1", "it hangs")
    residency.suspect("gpu-2", "it hangs")
    residency.now_ms += TOLD_WITHIN_MS
    CheckInstances(residency).check()
    CheckInstances(residency).require("gpu-1")


def test_where_nobody_watches_nothing_is_wrong() -> None:
    CheckInstances(FakeResidency()).check()
    CheckInstances(FakeResidency()).require("gpu-1")
