"""How like two arrays are: what a golden sample's metric says of an output (`domain/manifest.py`)."""

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orchestrator.domain.manifest import Golden, Metric

Array = NDArray[Any]

BEST_PSNR = 100.0  # of equal arrays, whose PSNR is infinite: no number of JSON
PEAK_UINT8 = 255.0
SIGMA, RADIUS = 1.5, 5
K1, K2 = 0.01, 0.03

# Of what cannot be compared, in numbers that JSON has words for.
WORST: Mapping[Metric, float] = {"psnr": 0.0, "ssim": -1.0, "exact": 0.0, "max_abs": sys.float_info.max}


def psnr(expected: Array, found: Array) -> float:
    """In dB: the peak against the mean squared error, at most `BEST_PSNR`."""
    error = float(np.mean((expected.astype(np.float64) - found.astype(np.float64)) ** 2))
    return BEST_PSNR if error == 0 else min(BEST_PSNR, float(10 * np.log10(_peak(expected) ** 2 / error)))


def ssim(expected: Array, found: Array) -> float:
    """The mean structural similarity of [..., H, W] (Wang, Bovik, Sheikh and Simoncelli 2004): 1 for equal arrays.

    With their Gaussian window of 11 × 11, sigma 1.5, where it lies inside whole; smaller arrays are one window.
    """
    x, y = (array.astype(np.float64).reshape(-1, *array.shape[-2:]) for array in (expected, found))
    c1, c2 = (K1 * _peak(expected)) ** 2, (K2 * _peak(expected)) ** 2
    mean_x, mean_y = _blur(x), _blur(y)
    var_x, var_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covar = _blur(x * y) - mean_x * mean_y
    alike = ((2 * mean_x * mean_y + c1) * (2 * covar + c2)) / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
    return float(alike.mean())


def exact(expected: Array, found: Array) -> float:
    """The share of elements that are equal."""
    return float(np.mean(expected == found)) if expected.size else 1.0


def max_abs(expected: Array, found: Array) -> float:
    """The largest absolute difference; what is no number on both sides is equal."""
    both, either = np.isnan(expected) & np.isnan(found), np.isnan(expected) | np.isnan(found)
    difference = np.abs(expected.astype(np.float64) - found.astype(np.float64))
    return float(np.where(both, 0.0, np.where(either, np.inf, difference)).max(initial=0.0))


METRICS: Mapping[Metric, Callable[[Array, Array], float]] = {
    "psnr": psnr,
    "ssim": ssim,
    "exact": exact,
    "max_abs": max_abs,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a golden sample: ``value`` is in its metric's unit, ``flaw`` empty if it is within the bound."""

    golden: Golden
    value: float
    flaw: str = ""


def compare(golden: Golden, *, expected: Mapping[str, Array], found: Mapping[str, Array]) -> Verdict:
    """By name; one without a name is the only one. Of several the worst counts."""
    verdicts = [
        _compare_one(golden, wanted, found=next(iter(found.values()), None) if not name else found.get(name))
        for name, wanted in expected.items()
    ]
    return next((verdict for verdict in verdicts if verdict.flaw), None) or min(verdicts, key=_margin)


def passes(golden: Golden, value: float) -> bool:
    """Whether the value is within the sample's bound."""
    if golden.metric == "exact":
        return value == 1.0
    return value <= golden.bound if golden.metric == "max_abs" else value >= golden.bound


def _compare_one(golden: Golden, expected: Array, *, found: Array | None) -> Verdict:
    if found is not None and found.ndim == expected.ndim + 1 and len(found) == 1:
        found = found[0]  # the batch of one that a single sample was made
    if found is None or found.shape != expected.shape:
        has = "none" if found is None else list(found.shape)
        flaw = f"{golden.sample}: {list(expected.shape)} is expected, it gives {has}"
        return Verdict(golden, WORST[golden.metric], flaw)
    value = METRICS[golden.metric](expected, found)
    value = value if math.isfinite(value) else WORST[golden.metric]
    if passes(golden, value):
        return Verdict(golden, value)
    bound = 1.0 if golden.metric == "exact" else golden.bound
    sign = "<=" if golden.metric == "max_abs" else ">="
    return Verdict(golden, value, f"{golden.sample}: {golden.metric} is {value:.4g}, {sign} {bound:g} is expected")


def _margin(verdict: Verdict) -> float:
    return -verdict.value if verdict.golden.metric == "max_abs" else verdict.value


def _peak(expected: Array) -> float:
    if expected.dtype == np.uint8:
        return PEAK_UINT8
    return float(np.ptp(expected)) or 1.0


def _blur(planes: Array) -> Array:
    """The weighted mean around each element, along both axes one after the other."""
    return _blur_axis(_blur_axis(planes, 1), 2)


def _blur_axis(planes: Array, axis: int) -> Array:
    radius = min(RADIUS, (planes.shape[axis] - 1) // 2)
    weights = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * SIGMA**2))
    windows = np.lib.stride_tricks.sliding_window_view(planes, 2 * radius + 1, axis=axis)
    blurred: Array = windows @ (weights / weights.sum())
    return blurred
