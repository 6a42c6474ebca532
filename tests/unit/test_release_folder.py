"""A release as it lies on a disk, and what the command line says of one that is none."""

from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from orchestrator.cli.releases import parse_golden
from orchestrator.client.release_folder import read_release


def test_a_file_is_a_model_by_what_it_is(tmp_path: Path) -> None:
    file = tmp_path / "upscale.ONNX"
    file.touch()
    assert read_release(file).files == {"model.onnx": file}


def test_a_folder_has_all_that_belongs_to_the_model(tmp_path: Path) -> None:
    write(
        tmp_path, "1/model.pt", "config.pbtxt", "golden/in.png", **{"manifest.json": '{"licence": "MIT", "etag": "x"}'}
    )
    new = read_release(tmp_path)
    assert sorted(new.files) == ["1/model.pt", "golden/in.png"]
    assert (new.config, new.licence) == ("config.pbtxt", "MIT")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: write(folder, "labels.txt"), "there is no model in"),
        (lambda folder: write(folder, "model.onnx", **{"manifest.json": "{"}), "manifest.json is no JSON object"),
        (lambda folder: write(folder, "model.onnx", **{"manifest.json": "[]"}), "manifest.json is no JSON object"),
        (lambda folder: (folder / "config.pbtxt").write_bytes(b"\xff"), "config.pbtxt is no text"),
        (lambda folder: (folder / "model.onnx").symlink_to("elsewhere"), "holds links: model.onnx"),
    ],
)
def test_what_is_no_release_is_named_before_anything_is_sent(
    tmp_path: Path, make: Callable[[Path], object], says: str
) -> None:
    make(tmp_path)
    with pytest.raises(ValueError, match=says):
        read_release(tmp_path)


def test_a_picture_is_no_model(tmp_path: Path) -> None:
    write(tmp_path, "photo.png")
    with pytest.raises(ValueError, match="there is no model in"):
        read_release(tmp_path / "photo.png")


def test_how_near_a_golden_sample_must_come_is_a_number() -> None:
    near = ("in.png", "out.png", {"metric": "psnr", "bound": 40.5})
    sample, expected, how = parse_golden("in.png=out.png:psnr>=40.5")
    assert (sample.name, expected.name, how) == near
    with pytest.raises(typer.BadParameter, match="is not SAMPLE=EXPECTED:METRIC"):
        parse_golden("in.png=out.png:psnr>=4.4.4")


def write(folder: Path, *names: str, **texts: str) -> None:
    for name, text in {**{name: name for name in names}, **texts}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
