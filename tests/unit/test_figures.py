"""The arithmetic of `make bench`: medians, goals from both sides, sides that take turns."""

import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest

BENCH = Path(__file__).resolve().parents[2] / "loadtests" / "bench"


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCH)
    return importlib.import_module("figures")


def test_a_figure_is_the_ratio_of_the_medians(figures: ModuleType) -> None:
    runs = [
        figures.Run(ours=900.0, peer=300.0),
        figures.Run(ours=400.0, peer=1000.0),
        figures.Run(ours=600.0, peer=200.0),
    ]
    line = json.loads(figures.Ratio("echo", "tasks/s", figures.Goal(1.0, at_least=True), runs).render())
    assert set(line) == {"figure", "value", "unit", "goal", "met", "runs"}
    assert (line["value"], line["met"], line["goal"]) == (2.0, True, ">= 1")
    assert len(line["runs"]) == 3


@pytest.mark.parametrize(
    ("value", "at_least", "met"), [(0.9, True, False), (1.0, True, True), (0.9, False, True), (1.1, False, False)]
)
def test_a_goal_that_is_not_met_is_said(figures: ModuleType, value: float, *, at_least: bool, met: bool) -> None:
    ratio = figures.Ratio("time", "s", figures.Goal(1.0, at_least=at_least), [figures.Run(ours=value, peer=1.0)])
    assert json.loads(ratio.render())["met"] is met


def test_the_sides_take_turns_at_being_first(figures: ModuleType) -> None:
    order: list[str] = []

    def measure(name: str) -> float:
        order.append(name)
        return float(len(order))

    runs = figures.measure_in_turn(lambda: measure("ours"), lambda: measure("peer"), rounds=2)
    assert order == ["ours", "peer", "peer", "ours"]
    assert [(run.ours, run.peer) for run in runs] == [(1.0, 2.0), (4.0, 3.0)]
