"""`image.upscale` without Triton and without real pictures: what it sends, makes and refuses."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benches import make_bench
from fakes_codec import FakePictures
from fakes_engine import FakeEngine
from made_media import noise
from pydantic import ValidationError

from orchestrator.domain.errors import Category, MediaTooLarge, RunCanceled, Unavailable
from orchestrator.domain.media import MediaInfo, MediaKind
from orchestrator.domain.task import Progress
from orchestrator.pipelines.pipeline import Workbench
from orchestrator.pipelines.types.image_upscale import TILE, ImageUpscale, UpscaleParams
from orchestrator.ports.codec import Picture
from orchestrator.ports.inference import Pixels, Tensors

PICTURES = FakePictures()


def enlarge(inputs: Tensors) -> Tensors:
    return {"upscaled": inputs["image"].repeat(4, axis=2).repeat(4, axis=3)}


def given_picture(bench: Workbench, rgb: Pixels, *, alpha: Pixels | None = None) -> Workbench:
    source = bench.scratch / "source"
    PICTURES.encode(Picture(rgb, alpha), source)
    return replace(bench, pictures=PICTURES, source=source, info=PICTURES.probe(source))


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize(("height", "width"), [(10, 7), (192, 192), (193, 500)])
def test_any_size_becomes_that_many_times_as_large(scale: int, height: int, width: int, tmp_path: Path) -> None:
    rgb, engine = noise(3, width=width, height=height), FakeEngine({"realesrgan_x4": enlarge})
    bench = given_picture(make_bench(tmp_path, engine), rgb)
    outcome = ImageUpscale().run(UpscaleParams.model_validate({"scale": scale}), bench)
    made = PICTURES.decode(tmp_path / "upscaled.png").rgb
    assert np.array_equal(made, rgb.repeat(scale, axis=0).repeat(scale, axis=1))
    assert outcome.result == {"width": width * scale, "height": height * scale, "scale": scale}
    assert [(artifact.path.name, artifact.content_type) for artifact in outcome.artifacts] == [
        ("upscaled.png", "image/png")
    ]


def test_alpha_grows_with_the_picture(tmp_path: Path) -> None:
    alpha = noise(4)[..., 0]
    bench = given_picture(make_bench(tmp_path, FakeEngine({"realesrgan_x4": enlarge})), noise(3), alpha=alpha)
    ImageUpscale().run(UpscaleParams(format="webp"), bench)
    made = PICTURES.decode(tmp_path / "upscaled.webp").alpha
    assert made is not None
    assert np.array_equal(made, alpha.repeat(4, axis=0).repeat(4, axis=1))


def test_tiles_are_few_in_flight_and_counted(tmp_path: Path) -> None:
    seen: list[Progress] = []
    engine = FakeEngine({"realesrgan_x4": enlarge})
    bench = given_picture(make_bench(tmp_path, engine, report=seen.append), noise(3, width=500, height=400))
    outcome = ImageUpscale().run(UpscaleParams(), bench)
    assert outcome.usage == {"inferences": 9, "tiles": 9}
    assert engine.most_in_flight == 2
    assert [progress.done for progress in seen] == list(range(1, 10))
    assert (seen[-1].fraction, seen[-1].total) == (1.0, 9)


@pytest.mark.parametrize(
    ("width", "height", "params"),
    [(8000, 8000, UpscaleParams()), (5000, 10, UpscaleParams(format="webp"))],
)
def test_results_that_cannot_be_stored_are_refused_before_any_inference(
    width: int, height: int, params: UpscaleParams, tmp_path: Path
) -> None:
    info = MediaInfo(MediaKind.PICTURE, container="png", width=width, height=height)
    bench = replace(make_bench(tmp_path, FakeEngine({})), source=tmp_path / "never read", info=info)
    with pytest.raises(MediaTooLarge):
        ImageUpscale().run(params, bench)


def test_cancel_ends_it_and_leaves_nothing_in_flight(tmp_path: Path) -> None:
    engine = FakeEngine({"realesrgan_x4": enlarge})
    bench = make_bench(tmp_path, engine)
    bench = replace(given_picture(bench, noise(3, width=500, height=400)), report=lambda _: bench.cancel.cancel())
    with pytest.raises(RunCanceled):
        ImageUpscale().run(UpscaleParams(), bench)
    assert engine.in_flight == 0


def test_fault_26_a_picture_is_upscaled_in_smaller_tiles(tmp_path: Path) -> None:
    def enlarge_small(inputs: Tensors) -> Tensors:
        if max(inputs["image"].shape) >= TILE:
            raise Unavailable("out of memory", service="triton", category=Category.GPU_MEMORY)
        return enlarge(inputs)

    rgb = noise(3, width=300, height=200)
    bench = given_picture(make_bench(tmp_path, FakeEngine({"realesrgan_x4": enlarge_small})), rgb)
    outcome = ImageUpscale().run(UpscaleParams(), bench)
    made = PICTURES.decode(tmp_path / "upscaled.png").rgb
    assert np.array_equal(made, rgb.repeat(4, axis=0).repeat(4, axis=1))
    assert outcome.usage["tiles"] > 4


@pytest.mark.parametrize("params", [{"scale": 3}, {"format": "gif"}, {"colour": "red"}])
def test_other_params_are_refused(params: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        UpscaleParams.model_validate(params)
