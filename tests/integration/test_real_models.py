"""The three task types on real media with the real models, against what the models' own packages say of it."""

import json
import subprocess
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import servers
from numpy.typing import NDArray

from orchestrator.adapters.av_codec.codec import AvCodec
from orchestrator.adapters.pillow_images import PillowImages
from orchestrator.adapters.triton.engine import TritonEngine
from orchestrator.domain.media import MediaKind
from orchestrator.pipelines.pipeline import CancelToken, Outcome, Pipeline, Workbench
from orchestrator.pipelines.types.audio_speech import AudioSpeech
from orchestrator.pipelines.types.image_upscale import ImageUpscale
from orchestrator.pipelines.types.video_shots import VideoShots
from orchestrator.ports.codec import Picture
from orchestrator.ports.inference import Pixels

pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures"
PICTURES = PillowImages()


@pytest.fixture(scope="module")
def media() -> Path:
    """The clips, pictures and recordings out of wheels."""
    folder = ROOT / ".cache" / "media"
    python = ROOT / ".venv-triton" / "bin" / "python"
    subprocess.run([python, ROOT / "triton" / "zoo" / "media.py", "--dest", folder], check=True)
    return folder


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonEngine]:
    models = ("realesrgan_x4", "transnetv2", "silero_vad")
    with servers.triton(tmp_path_factory.mktemp("triton"), models=models) as server:
        yield TritonEngine(server.grpc)


@dataclass(frozen=True)
class Studio:
    """Runs task types on files with everything real."""

    engine: TritonEngine
    scratch: Path

    def run(self, pipeline: Pipeline, source: Path, **params: object) -> Outcome:
        media = AvCodec()
        info = (PICTURES if MediaKind.PICTURE in pipeline.accepts else media).probe(source)
        bench = Workbench(
            self.scratch, self.engine, PICTURES, media, CancelToken(), lambda _: None, source=source, info=info
        )
        return pipeline.run(pipeline.params(**params), bench)

    def made(self, name: str) -> Any:  # noqa: ANN401 - JSON
        return json.loads((self.scratch / name).read_text())

    def found_shots(self) -> list[list[int]]:
        return [[shot["start_frame"], shot["end_frame"]] for shot in self.made("shots.json")["shots"]]

    def found_speech(self) -> list[list[int]]:
        return [[row["start_sample"], row["end_sample"]] for row in self.made("speech.json")["segments"]]


@pytest.fixture
def studio(engine: TritonEngine, tmp_path: Path) -> Studio:
    return Studio(engine, tmp_path)


@pytest.fixture
def upstreams_shots() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FIXTURES / "shots_reference.json").read_text())
    return found


def test_shots_are_upstreams_own_boundary_by_boundary(
    studio: Studio, media: Path, upstreams_shots: dict[str, Any]
) -> None:
    reference = upstreams_shots["beginning"]
    beginning = cut(media / "shots.mp4", studio.scratch / "beginning.mp4", frames=reference["frame_count"])
    outcome = studio.run(VideoShots(), beginning)
    assert studio.found_shots() == reference["shots"]
    assert outcome.result["shots"] == reference["shot_count"] == 12
    assert outcome.result["frames"] == 573
    assert outcome.result["duration_s"] == pytest.approx(573 / 25)


@pytest.mark.long
def test_the_shots_of_a_whole_film_are_upstreams_own(
    studio: Studio, media: Path, upstreams_shots: dict[str, Any]
) -> None:
    outcome = studio.run(VideoShots(), media / "shots.mp4")
    assert studio.found_shots() == upstreams_shots["shots"]
    assert outcome.result["shots"] == upstreams_shots["shot_count"] == 108
    assert outcome.result["frames"] == upstreams_shots["frame_count"] == 5301
    assert outcome.result["duration_s"] == pytest.approx(5301 / 25)


def test_speech_is_sileros_own_for_the_same_samples(studio: Studio, media: Path) -> None:
    reference = json.loads((FIXTURES / "speech_reference.json").read_text())["cases"]["every_third"]
    source = studio.scratch / "every_third.wav"
    write_wav(source, read_wav(media / "two_cities.wav")[::3], rate_hz=16_000)
    outcome = studio.run(AudioSpeech(), source)
    assert studio.found_speech() == reference["segments"]
    assert outcome.result["duration_s"] == pytest.approx(reference["sample_count"] / 16_000, abs=0.001)


def test_resampling_moves_speech_by_a_frame_at_most(studio: Studio, media: Path) -> None:
    """The reference heard 16 bit samples; ours are resampled as floats, which tips a frame near the threshold."""
    reference = json.loads((FIXTURES / "speech_reference.json").read_text())["cases"]["resampled"]
    studio.run(AudioSpeech(), media / "two_cities.wav")
    assert np.abs(np.array(studio.found_speech()) - reference["segments"]).max() <= 512


def test_the_sound_of_a_film_is_heard(studio: Studio, media: Path) -> None:
    outcome = studio.run(AudioSpeech(), media / "shots.mp4")
    assert outcome.result["duration_s"] == pytest.approx(212, abs=1)
    assert (studio.scratch / "speech.vtt").read_text().startswith("WEBVTT\n")


@pytest.mark.parametrize(("height", "width"), [(256, 300), (100, 320), (40, 30)])
def test_a_tiled_picture_equals_the_untiled_one(height: int, width: int, studio: Studio, media: Path) -> None:
    photo = PICTURES.decode(media / "photo.png").rgb[60 : 60 + height, 100 : 100 + width]
    source = studio.scratch / "crop.png"
    PICTURES.encode(Picture(photo), source)
    studio.run(ImageUpscale(), source)
    tiled = PICTURES.decode(studio.scratch / "upscaled.png").rgb
    assert largest_difference(tiled, untiled(studio.engine, photo)) <= 1


def test_twice_is_four_times_made_smaller(studio: Studio, media: Path) -> None:
    photo = PICTURES.decode(media / "photo.png").rgb[60:280, 100:340]
    source = studio.scratch / "crop.png"
    PICTURES.encode(Picture(photo), source)
    outcome = studio.run(ImageUpscale(), source, scale=2)
    doubled = PICTURES.decode(studio.scratch / "upscaled.png").rgb
    whole = PICTURES.resize(untiled(studio.engine, photo), width=480, height=440)
    assert (outcome.result["width"], outcome.result["height"]) == (480, 440)
    assert largest_difference(doubled, whole) <= 1


def untiled(engine: TritonEngine, picture: Pixels) -> Pixels:
    sent = np.ascontiguousarray(picture.transpose(2, 0, 1))[np.newaxis]
    answer = engine.submit("realesrgan_x4", {"image": sent}, outputs=("upscaled",)).result(120)
    return np.ascontiguousarray(answer["upscaled"][0].transpose(1, 2, 0))


def cut(film: Path, target: Path, *, frames: int) -> Path:
    """Write the beginning of its pictures as they were coded; a key frame has to come next."""
    with av.open(film) as source, av.open(target, "w") as made:
        pictures = source.streams.video[0]
        copy = made.add_stream_from_template(pictures)
        for packet in islice(source.demux(pictures), frames):
            packet.stream = copy
            made.mux(packet)
    return target


def largest_difference(one: Pixels, other: Pixels) -> int:
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other).max())


def read_wav(path: Path) -> NDArray[np.int16]:
    with wave.open(str(path)) as source:
        return np.frombuffer(source.readframes(source.getnframes()), "<i2")


def write_wav(path: Path, samples: NDArray[np.int16], *, rate_hz: int) -> None:
    with wave.open(str(path), "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(rate_hz)
        target.writeframes(samples.tobytes())
