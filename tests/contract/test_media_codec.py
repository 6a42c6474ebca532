"""The promises of `MediaCodec`, kept by the fake and by PyAV; then what only a decoder in a process can show."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
import pytest
from fakes_codec import FakeMedia
from made_media import Film, flat, noise, tone, write_film
from processes import decoders, is_alive

from orchestrator.adapters.av_codec.codec import AvCodec
from orchestrator.adapters.av_codec.process import REFUSALS
from orchestrator.adapters.av_codec.wire import Verdict
from orchestrator.domain.errors import MediaTooLarge, StageTimeout, UnsupportedMedia
from orchestrator.domain.media import DEFAULT_LIMITS, MediaKind
from orchestrator.ports.codec import Frame, MediaCodec

RED, GREEN, BLUE = (200, 30, 30), (30, 200, 30), (30, 30, 200)
THREE_COLOURS = [flat(colour) for colour in (RED, GREEN, BLUE) for _ in range(10)]


@dataclass(frozen=True)
class Lab:
    """A codec, and how a film gets where the codec finds it."""

    codec: MediaCodec
    put: Callable[[Path, Film], Path]
    folder: Path

    def film(self, film: Film) -> Path:
        return self.put(self.folder / ("film.mp4" if film.frames else "sound.wav"), film)


@pytest.fixture(params=["fake", "av"])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Lab:
    limits = replace(DEFAULT_LIMITS, duration_s=3.0, frame_pixels=128 * 96)
    if request.param == "fake":
        fake = FakeMedia(limits)
        return Lab(fake, fake.put, tmp_path)
    return Lab(AvCodec(limits), write_film, tmp_path)


class TestProbe:
    def test_reads_the_streams_of_a_film(self, lab: Lab) -> None:
        info = lab.codec.probe(lab.film(Film(frames=THREE_COLOURS, sound=tone(1.2))))
        assert (info.kind, info.width, info.height, info.frame_rate) == (MediaKind.VIDEO, 64, 48, 25)
        assert info.duration_s == pytest.approx(1.2, abs=0.1)
        assert (bool(info.audio_codec), info.sample_rate) == (True, 16_000)

    def test_reads_the_streams_of_a_recording(self, lab: Lab) -> None:
        info = lab.codec.probe(lab.film(Film(sound=tone(1.5))))
        assert (info.kind, info.width, info.height, info.video_codec) == (MediaKind.AUDIO, 0, 0, "")
        assert info.duration_s == pytest.approx(1.5, abs=0.01)

    @pytest.mark.parametrize("rotation", [90, 180, 270])
    def test_sizes_are_as_displayed(self, lab: Lab, rotation: int) -> None:
        info = lab.codec.probe(lab.film(Film(frames=[noise(1, width=96, height=64)] * 3, rotation=rotation)))
        assert (info.width, info.height) == ((96, 64) if rotation == 180 else (64, 96))

    def test_refuses_what_cannot_be_decoded(self, lab: Lab) -> None:
        text = lab.folder / "text.mp4"
        text.write_text("a film? no, a poem")
        with pytest.raises(UnsupportedMedia):
            lab.codec.probe(text)

    @pytest.mark.parametrize(
        "too_large",
        [
            Film(frames=THREE_COLOURS * 3),
            Film(frames=[flat(RED, width=320)] * 3),
            Film(frames=THREE_COLOURS, frame_rate=300),
        ],
        ids=["long", "large", "fast"],
    )
    def test_refuses_what_is_too_long_or_too_large_or_too_fast(self, lab: Lab, too_large: Film) -> None:
        with pytest.raises(MediaTooLarge):
            lab.codec.probe(lab.film(too_large))


class TestFrames:
    def test_every_frame_comes_in_order_with_its_time(self, lab: Lab) -> None:
        with lab.codec.frames(lab.film(Film(frames=THREE_COLOURS)), width=64, height=48) as decoded:
            frames = list(decoded)
        assert [frame.time_s for frame in frames] == pytest.approx([index / 25 for index in range(30)])
        for frame, made in zip(frames, THREE_COLOURS, strict=True):
            assert np.abs(frame.pixels.astype(int) - made).max() < 16

    def test_frames_have_exactly_the_size_asked_for(self, lab: Lab) -> None:
        with lab.codec.frames(lab.film(Film(frames=THREE_COLOURS)), width=37, height=21) as decoded:
            frame = next(decoded)
        assert frame.pixels.shape == (21, 37, 3)
        assert frame.pixels.dtype == np.uint8

    def test_frames_are_upright(self, lab: Lab) -> None:
        red_above_blue = np.concatenate((flat(RED, height=24), flat(BLUE, height=24)))
        with lab.codec.frames(lab.film(Film(frames=[red_above_blue] * 3, rotation=90)), width=48, height=64) as decoded:
            frame = next(decoded)
        assert frame.pixels[:, :20].mean(axis=(0, 1)) == pytest.approx(RED, abs=8)
        assert frame.pixels[:, 28:].mean(axis=(0, 1)) == pytest.approx(BLUE, abs=8)

    def test_a_film_damaged_in_the_middle_says_so_after_the_good_part(self, lab: Lab) -> None:
        source = lab.film(Film(frames=[noise(seed) for seed in range(40)], damaged_after=20))
        seen: list[Frame] = []
        with lab.codec.frames(source, width=32, height=24) as decoded, pytest.raises(UnsupportedMedia) as refusal:
            seen.extend(decoded)
        assert refusal.value.code == "decode_failed"
        assert 0 < len(seen) < 40

    def test_refuses_sound_without_pictures(self, lab: Lab) -> None:
        source = lab.film(Film(sound=tone(0.5)))
        with lab.codec.frames(source, width=32, height=24) as decoded, pytest.raises(UnsupportedMedia):
            next(decoded)


class TestFramesAt:
    def test_gives_the_frame_shown_at_each_time(self, lab: Lab) -> None:
        source = lab.film(Film(frames=[noise(seed) for seed in range(70)]))
        with lab.codec.frames(source, width=64, height=48) as decoded:
            all_frames = list(decoded)
        asked = [0, 3, 3, 4, 26, 68, 69]
        with lab.codec.frames_at(source, [index / 25 + 0.01 for index in asked], width=64, height=48) as decoded:
            frames = list(decoded)
        for frame, index in zip(frames, asked, strict=True):
            assert frame.time_s == pytest.approx(index / 25)
            assert np.array_equal(frame.pixels, all_frames[index].pixels)

    def test_behind_the_end_the_last_frame_stays(self, lab: Lab) -> None:
        with lab.codec.frames_at(lab.film(Film(frames=THREE_COLOURS)), [2.9], width=8, height=6) as decoded:
            assert [frame.time_s for frame in decoded] == pytest.approx([29 / 25])


class TestSamples:
    @pytest.mark.parametrize("rate_hz", [8_000, 16_000])
    def test_gives_mono_floats_at_the_rate_asked_for(self, lab: Lab, rate_hz: int) -> None:
        sound = tone(1.5)
        with lab.codec.samples(lab.film(Film(sound=sound)), rate_hz=rate_hz) as blocks:
            samples = np.concatenate(list(blocks))
        assert samples.dtype == np.float32
        assert samples.ndim == 1
        assert len(samples) == pytest.approx(1.5 * rate_hz, abs=32)
        expected = tone(1.5, rate_hz=rate_hz)[500 : 500 + 4000]
        assert np.abs(samples[500 : 500 + 4000] - expected).max() < 0.02

    def test_hears_the_sound_of_a_film(self, lab: Lab) -> None:
        with lab.codec.samples(lab.film(Film(frames=THREE_COLOURS, sound=tone(1.2))), rate_hz=16_000) as blocks:
            samples = np.concatenate(list(blocks))
        assert len(samples) == pytest.approx(1.2 * 16_000, abs=2048)
        assert np.abs(samples).max() <= 1

    def test_refuses_a_silent_film(self, lab: Lab) -> None:
        source = lab.film(Film(frames=THREE_COLOURS))
        with pytest.raises(UnsupportedMedia), lab.codec.samples(source, rate_hz=16_000) as blocks:
            next(blocks)


@pytest.fixture
def long_film(tmp_path: Path) -> Path:
    """More frames than the decoder's pipe holds at the size that `decoders` asks for."""
    return write_film(tmp_path / "long.mp4", Film(frames=[noise(seed % 7) for seed in range(200)]))


@pytest.fixture(autouse=True)
def no_decoder_is_left() -> Iterator[None]:
    yield
    assert decoders() == []


def test_leaving_the_context_ends_the_decoder(long_film: Path) -> None:
    with AvCodec().frames(long_film, width=640, height=480) as frames:
        next(frames)
        (decoder,) = decoders()
    assert not is_alive(decoder)


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGSEGV, signal.SIGXCPU])
def test_a_decoder_that_dies_is_a_film_that_cannot_be_decoded(death: signal.Signals, long_film: Path) -> None:
    with AvCodec().frames(long_film, width=640, height=480) as frames:
        next(frames)
        (decoder,) = decoders()
        os.kill(decoder, death)
        with pytest.raises(UnsupportedMedia) as refusal:
            list(frames)
    assert refusal.value.code == "decode_failed"


def test_a_decoder_that_falls_silent_is_a_timeout(long_film: Path) -> None:
    with AvCodec(silence_s=2.0).frames(long_film, width=640, height=480) as frames:
        next(frames)
        (decoder,) = decoders()
        os.kill(decoder, signal.SIGSTOP)
        with pytest.raises(StageTimeout):
            list(frames)


def test_a_decoder_without_memory_says_so(tmp_path: Path) -> None:
    """What it needs before it reads a file is granted; 200 MB more are not, and a frame of 8K takes 50 MB."""
    limits = replace(DEFAULT_LIMITS, decode_memory_bytes=600 * 1024**2)
    source = write_film(tmp_path / "large.mp4", Film(frames=[flat(RED, width=8192, height=4320)] * 2))
    with AvCodec(limits).frames(source, width=8192, height=4320) as frames, pytest.raises(MediaTooLarge):
        list(frames)


def test_every_verdict_has_words_for_the_client() -> None:
    assert set(REFUSALS) == {verdict.encode() for verdict in Verdict}


def test_every_exception_of_pyav_is_one_that_the_decoder_answers() -> None:
    kinds = [kind for kind in vars(av.error).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    own = [kind for kind in kinds if kind.__module__.startswith("av")]
    assert len(own) > 40
    assert [kind for kind in own if not issubclass(kind, av.FFmpegError)] == []
