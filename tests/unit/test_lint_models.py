"""`orchestrator models lint`: the repository of this project has no flaw, and what has one is told which."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from made_models import onnx_bytes
from push_room import CONFIG, MODEL
from typer.testing import CliRunner

from orchestrator.cli.app import build_cli
from orchestrator.pipelines.needs import NEEDS
from orchestrator.pipelines.registry import PIPELINES
from orchestrator.services.models.lint_models import LintModels
from orchestrator.wiring.lint import build_lint

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = ROOT / "model_repository"
OTHER = onnx_bytes({"z": ("n", 2)}, {"y": ("n", 10)})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model that is fit to be served."""
    folder = tmp_path / "upscaler"
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "model.onnx").write_bytes(MODEL)
    (folder / "config.pbtxt").write_text(CONFIG)
    return folder


def findings(folder: Path, *, service: LintModels | None = None) -> list[str]:
    return [flaw.rule for linted in (service or build_lint(ROOT, opens=False)).lint(folder) for flaw in linted.flaws]


def opening(answer: Mapping[str, Any]) -> LintModels:
    usual = build_lint(ROOT, opens=False)
    return LintModels(usual.configs, usual.files, usual.needs, lambda _: {"unopened": "", "problems": [], **answer})


def test_every_model_of_the_repository_is_fit_to_be_served() -> None:
    linted = list(build_lint(ROOT, opens=False).lint(REPOSITORY))
    assert {found.model for found in linted} >= set(NEEDS)
    assert [(found.path, flaw) for found in linted for flaw in found.flaws] == []


def test_every_task_type_with_a_model_of_its_own_says_what_it_needs() -> None:
    own = {pipeline.model: name for name, pipeline in PIPELINES.items() if pipeline.model}
    assert {model: need.task_type for model, need in NEEDS.items()} == own
    for need in NEEDS.values():
        source = (ROOT / f"orchestrator/pipelines/types/{need.task_type.replace('.', '_')}.py").read_text("utf-8")
        assert all(f'"{name}"' in source for name in need.inputs | need.outputs)


@pytest.mark.parametrize(
    ("spoil", "rules"),
    [
        (Path.exists, []),
        (lambda folder: folder.rename(folder.parent / "another"), ["name"]),
        (lambda folder: (folder / "1" / "model.onnx").unlink(), ["file"]),
        (lambda folder: (folder / "1" / "model.onnx").write_bytes(b"x"), ["file"]),
        (
            lambda folder: (folder / "1" / "model.onnx").write_bytes(OTHER),
            ["dims"],
        ),
        (lambda folder: (folder / "config.pbtxt").write_text("no such: field"), ["config"]),
        (lambda folder: (folder / "config.pbtxt").write_text(CONFIG.replace("16 }", "15 }")), ["queue"]),
        (lambda folder: other_config(folder, CONFIG.replace("dims: [ 10 ]", "dims: [ 9 ]")), ["configs", "dims"]),
    ],
)
def test_what_is_wrong_is_told(folder: Path, spoil: Callable[[Path], object], rules: list[str]) -> None:
    spoil(folder)
    assert sorted(set(findings(folder.parent))) == rules


def other_config(folder: Path, text: str) -> None:
    (folder / "configs").mkdir()
    (folder / "configs" / "gpu.pbtxt").write_text(text)


def test_a_model_without_what_its_task_type_asks_for_is_told(folder: Path) -> None:
    echo = folder.with_name("echo")
    shutil.copytree(REPOSITORY / "echo", echo)
    text = (echo / "config.pbtxt").read_text("utf-8")
    (echo / "config.pbtxt").write_text(text.replace('name: "input"', 'name: "entry"'))
    assert findings(echo).count("pipeline") == 2


def test_what_the_opened_file_says_counts(folder: Path) -> None:
    tensors = {"inputs": [{"name": "x", "datatype": "FP32", "dims": [3, 8, -1]}], "outputs": []}
    assert findings(folder, service=opening(tensors)) == ["dims", "dims"]
    assert findings(folder, service=opening({"problems": ["it is broken"]})) == ["file"]
    assert findings(folder, service=opening({"unopened": "no onnx here"})) == []


def test_the_command_ends_with_status_1_for_a_flaw(folder: Path) -> None:
    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(build_cli(), ["models", "lint", "--no-open", *words])
        return result.exit_code, result.stdout

    status, shown = run(str(folder))
    assert (status, "fit to be served" in shown) == (0, True)
    (folder / "1" / "model.onnx").unlink()
    status, shown = run(str(folder), "--json")
    assert (status, json.loads(shown)[0]["flaws"][0]["rule"]) == (1, "file")
    status, shown = run(str(folder), str(folder / "1"))
    assert (status, shown) == (2, ""), "where there is no model, it does not say that all is well"
