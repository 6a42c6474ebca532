"""Films, sounds and what strangers send, made on the spot: no binary fixtures."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from orchestrator.ports.codec import Samples
from orchestrator.ports.inference import Pixels

RATE_HZ = 16_000


@dataclass(frozen=True, kw_only=True)
class Film:
    """What a film shows, frame by frame, and what it sounds like (mono at 16 kHz)."""

    frames: Sequence[Pixels] = ()
    frame_rate: int = 25
    sound: Samples | None = None
    rotation: int = 0
    damaged_after: int | None = None


def flat(colour: tuple[int, int, int], *, width: int = 64, height: int = 48) -> Pixels:
    return np.full((height, width, 3), colour, np.uint8)


def noise(seed: int, *, width: int = 64, height: int = 48) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def tone(seconds: float, *, rate_hz: int = RATE_HZ, hertz: float = 440.0) -> Samples:
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    return (0.5 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def write_film(path: Path, film: Film) -> Path:
    """Write it in the container that the suffix names, then damage it if asked."""
    with av.open(path, "w", options={"movflags": "+faststart"} if path.suffix == ".mp4" else {}) as container:
        pictures = _add_video(container, film) if film.frames else None
        sound = _add_audio(container, path) if film.sound is not None else None
        if pictures is not None:
            for pixels in film.frames:
                container.mux(pictures.encode(VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(pictures.encode())
        if sound is not None and film.sound is not None:
            for piece in _pieces(film.sound, sound):
                container.mux(sound.encode(piece))
            container.mux(sound.encode())
    if film.damaged_after is not None:
        damage(path, kept=film.damaged_after / len(film.frames))
    return path


def damage(path: Path, *, kept: float) -> None:
    """Overwrite everything behind the first part of the file."""
    whole = path.read_bytes()
    start = int(len(whole) * kept)
    path.write_bytes(whole[:start] + np.random.default_rng(1).bytes(len(whole) - start))


def _add_video(container: OutputContainer, film: Film) -> VideoStream:
    height, width, _ = film.frames[0].shape
    stream = container.add_stream("libx264", rate=film.frame_rate, options={"crf": "1", "g": "10"})
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    if film.rotation:
        stream.set_display_rotation(film.rotation)
    return stream


def _add_audio(container: OutputContainer, path: Path) -> AudioStream:
    return container.add_stream("pcm_s16le" if path.suffix == ".wav" else "aac", rate=RATE_HZ, layout="mono")


def _pieces(sound: Samples, stream: AudioStream) -> list[AudioFrame]:
    """As the encoder wants them: its sample format, and no more than a frame of AAC."""
    frame = AudioFrame.from_ndarray((sound * 32767).astype(np.int16).reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, 0, Fraction(1, RATE_HZ)
    resampler = av.AudioResampler(format=stream.format, layout="mono", rate=RATE_HZ, frame_size=1024)
    return [*resampler.resample(frame), *resampler.resample(None)]
