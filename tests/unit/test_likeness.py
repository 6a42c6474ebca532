"""How like two arrays are, by hand and by what the formulas say of plain cases."""

import numpy as np
import pytest

from orchestrator.domain.manifest import Golden, Metric
from orchestrator.pipelines.likeness import BEST_PSNR, METRICS, exact, max_abs, passes, psnr, ssim

RANDOM = np.random.default_rng(7)
PICTURE = RANDOM.integers(0, 256, (3, 40, 60), dtype=np.uint8)


@pytest.mark.parametrize("metric", METRICS)
def test_what_is_equal_is_as_like_as_can_be(metric: Metric) -> None:
    value = METRICS[metric](PICTURE, PICTURE.copy())
    assert value == pytest.approx({"psnr": BEST_PSNR, "ssim": 1.0, "exact": 1.0, "max_abs": 0.0}[metric])
    assert passes(Golden("in", "out", metric, bound={"psnr": 40, "ssim": 0.99}.get(metric, 0)), value)


def test_psnr_of_a_step_of_one_is_that_of_the_textbook() -> None:
    grey = np.full((3, 8, 8), 100, np.uint8)
    assert psnr(grey, grey + 1) == pytest.approx(48.1308, abs=1e-4)  # 20 log10(255)
    floats = np.linspace(0, 1, 100)
    assert psnr(floats, floats + 0.1) == pytest.approx(20.0)


def test_ssim_of_flat_pictures_is_that_of_their_means_alone() -> None:
    """Without variance the second factor is one: (2ab + c1) / (a² + b² + c1)."""
    a, b, c1 = 100.0, 150.0, (0.01 * 255) ** 2
    flat = np.full((3, 20, 20), 100, np.uint8), np.full((3, 20, 20), 150, np.uint8)
    assert ssim(*flat) == pytest.approx((2 * a * b + c1) / (a * a + b * b + c1))


def test_ssim_sees_structure_where_psnr_sees_none() -> None:
    ramp = np.tile(np.arange(0, 240, 4, dtype=np.uint8), (60, 1))
    lighter, noisy = ramp + 10, np.clip(ramp + RANDOM.choice([-10.0, 10.0], ramp.shape), 0, 255).astype(np.uint8)
    assert abs(psnr(ramp, lighter) - psnr(ramp, noisy)) < 1
    assert ssim(ramp, lighter) > 0.95
    assert ssim(ramp, noisy) < 0.8


def test_ssim_of_an_array_smaller_than_its_window() -> None:
    assert ssim(np.ones((2, 3)), np.ones((2, 3))) == pytest.approx(1.0)
    assert ssim(np.zeros((1, 1), np.uint8), np.full((1, 1), 255, np.uint8)) < 0.01


def test_exact_is_the_share_that_is_equal() -> None:
    assert exact(np.array([1, 2, 3, 4]), np.array([1, 2, 3, 5])) == 0.75


def test_the_largest_difference_knows_what_is_no_number() -> None:
    assert max_abs(np.array([1.0, np.nan]), np.array([1.5, np.nan])) == 0.5
    assert max_abs(np.array([1.0, 2.0]), np.array([1.0, np.nan])) == np.inf
    assert max_abs(np.array([250], np.uint8), np.array([2], np.uint8)) == 248, "bytes do not wrap around"


@pytest.mark.parametrize(
    ("metric", "bound", "value", "well"),
    [
        ("psnr", 40.0, 40.0, True),
        ("psnr", 40.0, 39.9, False),
        ("ssim", 0.9, 0.95, True),
        ("ssim", 0.9, 0.85, False),
        ("exact", 0.0, 0.999, False),
        ("max_abs", 0.1, 0.1, True),
        ("max_abs", 0.1, 0.11, False),
        ("psnr", 40.0, float("nan"), False),
        ("max_abs", 0.1, float("nan"), False),
    ],
)
def test_the_bound_is_in_the_unit_of_the_metric(metric: Metric, bound: float, value: float, *, well: bool) -> None:
    assert passes(Golden("in", "out", metric, bound=bound), value) is well
