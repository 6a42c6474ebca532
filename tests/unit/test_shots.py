"""Windows and shots are those of upstream's inference code, written down here as its formulas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.pipelines.shots import KEPT, WIDTH, Shot, find_shots, windows
from orchestrator.ports.inference import Pixels


def numbered(count: int) -> list[Pixels]:
    """Frames of one pixel that tell their own number."""
    return [np.array([[[number // 256, number % 256, 0]]], np.uint8) for number in range(count)]


@pytest.mark.parametrize("count", [1, 2, 49, 50, 51, 99, 100, 101, 149, 150, 523])
def test_windows_are_upstreams(count: int) -> None:
    frames = np.stack(numbered(count))
    behind = 25 + 50 - (count % 50 if count % 50 != 0 else 50)
    padded = np.concatenate([frames[:1].repeat(25, axis=0), frames, frames[-1:].repeat(behind, axis=0)])
    expected = [padded[start : start + 100] for start in range(0, len(padded) - 99, 50)]
    made = list(windows(iter(numbered(count))))
    assert np.array_equal(np.stack(made), np.stack(expected))


@given(st.integers(1, 400))
def test_the_middles_of_the_windows_are_the_film(count: int) -> None:
    kept = np.concatenate([window[KEPT] for window in windows(numbered(count))])[:count]
    assert np.array_equal(kept, np.stack(numbered(count)))


def test_no_frames_make_no_windows() -> None:
    assert list(windows([])) == []


def test_a_window_leaves_before_the_frames_after_it_are_pulled() -> None:
    film = iter(numbered(500))
    next(windows(film))
    assert len(list(film)) == 500 - (WIDTH - 25)


def upstream_shots(probabilities: list[float], threshold: float) -> list[tuple[int, int]]:
    """The rule as a walk over the frames."""
    shots, start, cut_before = [], 0, False
    for index, probability in enumerate(probabilities):
        cut = probability > threshold
        if cut_before and not cut:
            start = index
        if cut and not cut_before and index != 0:
            shots.append((start, index))
        cut_before = cut
    if not cut_before:
        shots.append((start, len(probabilities) - 1))
    return shots or [(0, len(probabilities) - 1)]


@given(st.lists(st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0]), min_size=1, max_size=30))
def test_shots_are_upstreams(probabilities: list[float]) -> None:
    found = find_shots(np.array(probabilities, np.float32), 0.5)
    assert [(shot.start, shot.end) for shot in found] == upstream_shots(probabilities, 0.5)


def test_confidence_is_that_of_the_less_certain_cut() -> None:
    probabilities = np.array([0, 0, 0.75, 0.875, 0, 0, 0.625, 0], np.float32)
    assert find_shots(probabilities, 0.5) == [Shot(0, 2, 0.875), Shot(4, 6, 0.625), Shot(7, 7, 0.625)]
