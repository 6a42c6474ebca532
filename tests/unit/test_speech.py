"""Frames and segments are Silero's own: its reference run on a recording is the fixture."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_media import noise

from orchestrator.pipelines.speech import CONTEXT, FRAME, Segment, SpeechRules, blocks, find_speech, frames_of

REFERENCE = json.loads((Path(__file__).parents[1] / "fixtures" / "speech_reference.json").read_text())


@pytest.mark.parametrize("case", REFERENCE["cases"].values(), ids=REFERENCE["cases"])
def test_segments_are_those_of_sileros_reference(case: dict[str, Any]) -> None:
    found = find_speech(case["probabilities"], SpeechRules(), sample_count=case["sample_count"])
    assert [[segment.start, segment.end] for segment in found] == case["segments"]


def speech_in(*frames: float, rules: SpeechRules | None = None, pad_ms: int = 0) -> list[Segment]:
    rules = rules or SpeechRules(min_speech_ms=0, pad_ms=pad_ms)
    return find_speech(frames, rules, sample_count=len(frames) * FRAME)


def test_speech_begins_at_the_threshold_and_ends_after_a_silence_that_lasts() -> None:
    assert speech_in(0.1, 0.5, 0.9, *[0.1] * 5) == [Segment(FRAME, 3 * FRAME)]


def test_a_short_silence_does_not_end_speech() -> None:
    assert speech_in(0.9, 0.1, 0.1, 0.9) == [Segment(0, 4 * FRAME)]


def test_between_the_thresholds_speech_goes_on_and_silence_too() -> None:
    assert speech_in(0.9, *[0.4] * 6) == [Segment(0, 7 * FRAME)]
    assert speech_in(0.9, 0.1, 0.4, 0.4, 0.4, 0.1, 0.4) == [Segment(0, FRAME)]


def test_what_is_too_short_is_dropped() -> None:
    rules = SpeechRules(pad_ms=0)
    assert speech_in(0.9, 0.9, *[0.1] * 5, rules=rules) == []
    assert speech_in(*[0.9] * 9, *[0.1] * 5, rules=rules) == [Segment(0, 9 * FRAME)]


def test_padding_stays_inside_the_recording_and_shares_short_pauses() -> None:
    pause = [0.1] * 5
    assert speech_in(0.9, *pause, 0.9, *pause, pad_ms=30) == [Segment(0, 512 + 480), Segment(3072 - 480, 3584 + 480)]
    assert speech_in(0.9, *pause, 0.9, pad_ms=1000) == [Segment(0, 1792), Segment(1792, 3584)]


@given(st.lists(st.floats(0, 1), max_size=60), st.integers(0, FRAME - 1), st.integers(0, 300))
def test_segments_are_ordered_apart_and_inside(probabilities: list[float], missing: int, pad_ms: int) -> None:
    sample_count = max(0, len(probabilities) * FRAME - missing)
    found = find_speech(probabilities, SpeechRules(min_speech_ms=0, pad_ms=pad_ms), sample_count=sample_count)
    edges = [edge for segment in found for edge in (segment.start, segment.end)]
    assert edges == sorted(edges)
    assert not edges or (edges[0] >= 0 and edges[-1] <= sample_count)


@given(st.lists(st.integers(0, 70), max_size=20), st.integers(1, 50))
def test_blocks_hold_the_same_samples(lengths: list[int], size: int) -> None:
    whole = np.arange(sum(lengths), dtype=np.float32)
    pieces = np.split(whole, np.cumsum(lengths)[:-1]) if lengths else []
    made = list(blocks(pieces, size))
    assert np.array_equal(np.concatenate([np.zeros(0), *made]), whole)
    assert {len(block) for block in made[:-1]} <= {size}
    assert not made or 0 < len(made[-1]) <= size


def test_frames_carry_the_end_of_the_one_before() -> None:
    sound = noise(1).reshape(-1)[: 3 * FRAME - 100].astype(np.float32)
    context = np.full(CONTEXT, -1, np.float32)
    made = frames_of(sound, context)
    assert made.shape == (3, CONTEXT + FRAME)
    assert np.array_equal(made[0], np.concatenate((context, sound[:FRAME])))
    assert np.array_equal(made[1], sound[FRAME - CONTEXT : 2 * FRAME])
    assert np.array_equal(made[2], np.pad(sound[2 * FRAME - CONTEXT :], (0, 100)))
