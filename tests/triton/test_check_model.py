"""`check_model.py`: what a model really takes and gives, and what is wrong with one, whoever dies of it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import check_model
import onnx
import pytest
import torch

SCRIPT = Path(check_model.__file__)


def run(folder: Path) -> dict[str, Any]:
    """Ask as the warden does."""
    done = subprocess.run([sys.executable, "-P", str(SCRIPT), str(folder)], capture_output=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def copy_of(repository: Path, name: str, *, target: Path) -> Path:
    """A model that a test may spoil."""
    return Path(shutil.copytree(repository / name, target / name))


@pytest.mark.parametrize("name", ["echo", "transnetv2"])
def test_a_good_model_takes_and_gives_what_its_configuration_says(repository: Path, name: str) -> None:
    answer = run(repository / name)
    config = check_model.read_config(repository / name / "config.pbtxt")
    assert (answer["problems"], answer["unopened"]) == ([], "")
    assert answer["inputs"] == [check_model.described(tensor) for tensor in config.input]
    assert answer["outputs"] == [check_model.described(tensor) for tensor in config.output]


def test_a_broken_file_is_a_problem(repository: Path, tmp_path: Path) -> None:
    folder = copy_of(repository, "echo", target=tmp_path)
    (folder / "1" / "model.onnx").write_bytes(b"\x08\x07broken")
    assert run(folder)["problems"]


def test_weights_outside_the_file_are_a_problem(repository: Path, tmp_path: Path) -> None:
    folder = copy_of(repository, "echo", target=tmp_path)
    path = folder / "1" / "model.onnx"
    model = onnx.load(str(path))
    tensor = model.graph.initializer.add()
    tensor.name, tensor.data_type, tensor.data_location = "w", onnx.TensorProto.FLOAT, onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    path.write_bytes(model.SerializeToString())
    assert run(folder)["problems"] == ["its weights lie in other files: store them in the model itself"]


def test_a_link_is_no_model(repository: Path, tmp_path: Path) -> None:
    folder = copy_of(repository, "echo", target=tmp_path)
    path = folder / "1" / "model.onnx"
    path.rename(tmp_path / "elsewhere.onnx")
    path.symlink_to(tmp_path / "elsewhere.onnx")
    assert run(folder)["problems"] == ["there is no file <version>/model.onnx"]


def test_too_few_outputs_and_other_shapes_are_told(repository: Path, tmp_path: Path) -> None:
    folder = copy_of(repository, "transnetv2", target=tmp_path)

    class Half(torch.nn.Module):
        """One output, of another shape and type."""

        def forward(self, frames: torch.Tensor) -> torch.Tensor:
            return frames[:, :50].to(torch.int32)

    torch.jit.save(torch.jit.script(Half()), str(folder / "1" / "model.pt"))
    answer = run(folder)
    assert answer["problems"] == ["it gives 1 outputs, and OUTPUT__1 is not among them"]
    assert answer["outputs"] == [{"name": "OUTPUT__0", "datatype": "INT32", "dims": [50, 27, 48, 3]}]


def test_who_dies_of_a_model_says_so() -> None:
    assert "SIGSEGV" in check_model.how_it_died(-11)
    assert "of a CPU" in check_model.how_it_died(-24)
