"""`video.shots` without Triton and without real films: its table, its contact sheet, and what it holds on to."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benches import make_bench
from fakes_codec import FakeMedia, FakePictures
from fakes_engine import FakeEngine
from made_media import Film, flat

from orchestrator.domain.errors import RunCanceled, UnsupportedMedia
from orchestrator.domain.task import Progress
from orchestrator.pipelines.pipeline import Outcome, Workbench
from orchestrator.pipelines.types.video_shots import SHEET_SHOTS, ShotsParams, VideoShots
from orchestrator.ports.inference import Tensors

CUT = (255, 255, 255)


def find_white(inputs: Tensors) -> Tensors:
    """A model that takes white frames for cuts."""
    brightness = inputs["INPUT__0"].mean(axis=(2, 3, 4)) / 255
    return {"OUTPUT__0": brightness[..., np.newaxis].astype(np.float32)}


def film_of(*shots: int, damaged_after: int | None = None) -> Film:
    """Shots of these lengths, each of a colour of its own, with one white frame between two of them."""
    frames = []
    for number, length in enumerate(shots):
        if number:
            frames.append(flat(CUT))
        frames += [flat((number % 20 * 5, 50, 0))] * length
    return Film(frames=frames, damaged_after=damaged_after)


def given_film(bench: Workbench, film: Film) -> tuple[Workbench, FakeMedia]:
    media = FakeMedia()
    source = media.put(bench.scratch / "film", film)
    return replace(bench, media=media, source=source, info=media.probe(source)), media


def run(film: Film, scratch: Path) -> tuple[Outcome, Any]:
    bench, _ = given_film(make_bench(scratch, FakeEngine({"transnetv2": find_white})), film)
    outcome = VideoShots().run(ShotsParams(), bench)
    return outcome, json.loads((scratch / "shots.json").read_text())["shots"]


def test_shots_are_listed_with_frames_times_and_confidence(tmp_path: Path) -> None:
    outcome, shots = run(film_of(60, 30, 99), tmp_path)
    assert [(shot["start_frame"], shot["end_frame"]) for shot in shots] == [(0, 60), (61, 91), (92, 190)]
    assert [shot["start_time_s"] for shot in shots] == pytest.approx([0, 61 / 25, 92 / 25])
    assert [shot["end_time_s"] for shot in shots] == pytest.approx([61 / 25, 92 / 25, 191 / 25])
    assert [shot["confidence"] for shot in shots] == [1.0, 1.0, 1.0]
    assert outcome.result == {"shots": 3, "frames": 191, "duration_s": 7.64, "contact_sheet_shots": 3}
    assert outcome.usage == {"inferences": 4, "windows": 4, "frames": 191}


def test_the_contact_sheet_shows_the_middle_of_each_shot(tmp_path: Path) -> None:
    outcome, _ = run(film_of(20, 20, 20), tmp_path)
    sheet = FakePictures().decode(tmp_path / "contact_sheet.jpg").rgb
    assert sheet.shape == (120 + 2 * 4, 3 * (160 + 4) + 4, 3)
    assert [tuple(sheet[60, 80 + column * 164]) for column in range(3)] == [(0, 50, 0), (5, 50, 0), (10, 50, 0)]
    assert [artifact.content_type for artifact in outcome.artifacts] == ["application/json", "image/jpeg"]


def test_the_contact_sheet_has_room_for_so_many_shots(tmp_path: Path) -> None:
    outcome, shots = run(film_of(*[1] * (SHEET_SHOTS + 10)), tmp_path)
    assert len(shots) == SHEET_SHOTS + 10
    assert outcome.result["contact_sheet_shots"] == SHEET_SHOTS


def test_a_film_of_one_frame_is_one_shot(tmp_path: Path) -> None:
    outcome, shots = run(film_of(1), tmp_path)
    assert [(shot["start_frame"], shot["end_frame"]) for shot in shots] == [(0, 0)]
    assert outcome.result["duration_s"] == pytest.approx(1 / 25)


def test_progress_counts_frames(tmp_path: Path) -> None:
    seen: list[Progress] = []
    engine = FakeEngine({"transnetv2": find_white})
    bench, _ = given_film(make_bench(tmp_path, engine, report=seen.append), film_of(120))
    VideoShots().run(ShotsParams(), bench)
    assert [(progress.done, progress.total) for progress in seen] == [(50, 120), (100, 120), (120, 120)]
    assert seen[-1].fraction == 1.0
    assert engine.most_in_flight == 2


def test_cancel_ends_the_decoder_and_what_is_in_flight(tmp_path: Path) -> None:
    engine = FakeEngine({"transnetv2": find_white})
    bench, media = given_film(make_bench(tmp_path, engine), film_of(500))
    with pytest.raises(RunCanceled):
        VideoShots().run(ShotsParams(), replace(bench, report=lambda _: bench.cancel.cancel()))
    assert (media.open_decoders, engine.in_flight) == (0, 0)


def test_a_film_damaged_in_the_middle_fails_as_a_whole(tmp_path: Path) -> None:
    engine = FakeEngine({"transnetv2": find_white})
    bench, media = given_film(make_bench(tmp_path, engine), film_of(500, damaged_after=300))
    with pytest.raises(UnsupportedMedia) as refusal:
        VideoShots().run(ShotsParams(), bench)
    assert refusal.value.code == "decode_failed"
    assert (media.open_decoders, engine.in_flight) == (0, 0)
