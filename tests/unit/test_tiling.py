"""Tiles cover a picture exactly once, all have one size, and joining them gives the picture back."""

from collections.abc import Iterable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.pipelines.tiling import Tile, spans, tiles
from orchestrator.ports.inference import Pixels

SIZE, OVERLAP = 24, 4

sides = st.integers(min_value=1, max_value=90)
scales = st.sampled_from([1, 2, 4])


def picture(height: int, width: int) -> Pixels:
    return np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, 3), np.uint8)


def join(plan: Iterable[Tile], pieces: Iterable[Pixels], *, canvas: Pixels, scale: int) -> Pixels:
    for tile, piece in zip(plan, pieces, strict=True):
        tile.paste(canvas, piece, scale=scale)
    return canvas


def enlarge(pixels: Pixels, scale: int) -> Pixels:
    return pixels.repeat(scale, axis=0).repeat(scale, axis=1)


@given(sides, sides, scales)
def test_joining_gives_the_picture_back(height: int, width: int, scale: int) -> None:
    whole = picture(height, width)
    plan = tiles(height, width, size=SIZE, overlap=OVERLAP)
    pieces = [enlarge(tile.cut(whole), scale) for tile in plan]
    canvas = np.zeros((height * scale, width * scale, 3), np.uint8)
    assert np.array_equal(join(plan, pieces, canvas=canvas, scale=scale), enlarge(whole, scale))


@given(sides, sides)
def test_every_pixel_comes_from_exactly_one_tile(height: int, width: int) -> None:
    times = np.zeros((height, width), int)
    for tile in tiles(height, width, size=SIZE, overlap=OVERLAP):
        times[tile.rows.keep_from : tile.rows.keep_to, tile.columns.keep_from : tile.columns.keep_to] += 1
    assert (times == 1).all()


@given(sides, sides)
def test_all_tiles_of_a_picture_have_one_shape(height: int, width: int) -> None:
    shapes = {tile.cut(picture(height, width)).shape for tile in tiles(height, width, size=SIZE, overlap=OVERLAP)}
    assert shapes == {(min(SIZE, height), min(SIZE, width), 3)}


@given(sides)
def test_what_is_kept_lies_an_overlap_inside_unless_the_picture_ends(length: int) -> None:
    for span in spans(length, size=SIZE, overlap=OVERLAP):
        assert 0 <= span.start <= span.keep_from < span.keep_to <= span.stop <= length
        assert span.keep_from - span.start >= OVERLAP or span.start == 0
        assert span.stop - span.keep_to >= OVERLAP or span.stop == length


@given(sides, sides)
def test_a_network_that_looks_no_further_than_the_overlap_sees_no_tiles(height: int, width: int) -> None:
    """A box blur as wide as the overlap, which sees nothing behind the picture's border."""
    whole = picture(height, width)
    plan = tiles(height, width, size=SIZE, overlap=OVERLAP)
    pieces = [blur(tile.cut(whole)) for tile in plan]
    assert np.array_equal(join(plan, pieces, canvas=np.zeros_like(whole), scale=1), blur(whole))


def blur(pixels: Pixels) -> Pixels:
    padded = np.pad(pixels.astype(int), ((OVERLAP, OVERLAP), (OVERLAP, OVERLAP), (0, 0)))
    window = np.lib.stride_tricks.sliding_window_view(padded, (2 * OVERLAP + 1, 2 * OVERLAP + 1), axis=(0, 1))
    mean: Pixels = (window.sum(axis=(-2, -1)) // (2 * OVERLAP + 1) ** 2).astype(np.uint8)
    return mean
