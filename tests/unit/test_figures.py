"""What `make bench` computes: medians, goals from both sides, sides that take turns, costs by task, a long film."""

import importlib
import io
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import av
import pytest
from made_media import Film, flat, write_film

BENCH = Path(__file__).resolve().parents[2] / "loadtests" / "bench"


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCH)
    return importlib.import_module("figures")


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCH)
    return importlib.import_module("costs")


@pytest.fixture
def films(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCH)
    return importlib.import_module("films")


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


def test_each_of_several_sides_goes_first_once(figures: ModuleType) -> None:
    order: list[str] = []

    def measure(name: str) -> float:
        order.append(name)
        return float(len(order))

    sides = [lambda name=name: measure(name) for name in "abc"]
    assert figures.take_turns(sides, rounds=3) == [[1.0, 6.0, 8.0], [2.0, 4.0, 9.0], [3.0, 5.0, 7.0]]
    assert "".join(order) == "abcbcacab"


def test_a_cost_is_what_was_spent_between_by_task(costs: ModuleType) -> None:
    before = {"cpu_ms api": 1.0, "calls get": 10.0}
    after = {"cpu_ms api": 1.5, "calls get": 30.0, "calls hset": 100.0, "cpu_ms keeper": 0.0001}
    found = costs.per_task(before, after, tasks=100)
    assert found == {"calls get": 0.2, "calls hset": 1.0, "cpu_ms api": 5.0}  # next to nothing is left out


def test_the_cpu_time_of_a_process_includes_that_of_its_children(costs: ModuleType) -> None:
    busy = "import time\nwhile time.process_time() < 0.2: pass"
    run_it = f"subprocess.run([sys.executable, '-c', {busy!r}])"
    parent_of_busy = f"import subprocess, sys\n{run_it}\nprint(flush=True)\ninput()"
    command = [sys.executable, "-c", parent_of_busy]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()  # the busy child has ended
        assert costs.tree_seconds(parent.pid) >= 0.2
        parent.communicate(b"\n")
    assert costs.tree_seconds(parent.pid) == 0.0


def test_a_long_film_is_the_short_one_several_times(films: ModuleType, tmp_path: Path) -> None:
    clip = write_film(tmp_path / "clip.mp4", Film(frames=[flat((shade, 0, 0)) for shade in range(0, 200, 20)]))
    with av.open(io.BytesIO(films.repeat_film(clip, times=3)), "r") as film:
        times_s = [frame.time for frame in film.decode(video=0)]
    assert len(times_s) == 3 * 10
    assert times_s == sorted(set(times_s))
