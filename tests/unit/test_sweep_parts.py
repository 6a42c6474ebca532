"""What was begun in parts and never finished goes, once nobody can be at work on it any more."""

from dataclasses import dataclass

import pytest
from fakes_parts import MemoryParts
from fakes_storage import MemoryStorage

from orchestrator.domain.errors import Category, Refused
from orchestrator.services.upkeep.sweep_parts import SweepParts
from orchestrator.settings import Settings
from orchestrator.wiring.keeper import SWEEP_PARTS_EVERY_S, _sweep_parts

UPLOAD, ARTIFACT = "projects/film-a/uploads/upload_1/film.mp4", "projects/film-a/tasks/task_1/1-r/film.mp4"

MODEL = "models/upscaler/1/1/model.onnx"


@dataclass
class Stubborn(MemoryParts):
    """Will not let go of the first that was begun."""

    def abort(self, key: str, parts_id: str) -> None:
        if parts_id == "parts-1":
            raise Refused("locked", service="storage", category=Category.INTERNAL)
        super().abort(key, parts_id)


@pytest.mark.parametrize(
    ("age_s", "left"),
    [(3500, {UPLOAD, ARTIFACT, MODEL}), (3700, {UPLOAD, MODEL}), (86_300, {UPLOAD, MODEL}), (86_500, set())],
)
def test_clients_have_a_day_and_workers_an_hour(age_s: float, left: set[str]) -> None:
    parts = MemoryParts(MemoryStorage(), age_s=age_s)
    for key in (UPLOAD, ARTIFACT, MODEL):
        parts.begin(key, content_type="video/mp4")
    SweepParts(parts, upload_expires_s=86_400, artifact_expires_s=3600).tick()
    assert {unfinished.key for unfinished in parts.unfinished("")} == left


def test_what_a_killed_worker_left_is_gone_within_the_hour() -> None:
    sweep = _sweep_parts(Settings(), MemoryParts(MemoryStorage()))
    assert Settings().stages.store.total_seconds() < sweep.artifact_expires_s <= 3600 - SWEEP_PARTS_EVERY_S


def test_one_that_cannot_be_aborted_keeps_no_other() -> None:
    parts = Stubborn(MemoryStorage(), age_s=86_500)
    for key in (UPLOAD, ARTIFACT):
        parts.begin(key, content_type="video/mp4")
    SweepParts(parts, upload_expires_s=86_400, artifact_expires_s=3600).tick()
    assert [unfinished.key for unfinished in parts.unfinished("")] == [UPLOAD]
