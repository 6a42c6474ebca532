"""`MediaCodec` and `PictureCodec` without decoders. They pass the same contract tests as the real ones."""

import bisect
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from made_media import RATE_HZ, Film
from numpy.lib.npyio import NpzFile

from orchestrator.domain.errors import MediaTooLarge, UnsupportedMedia
from orchestrator.domain.media import DEFAULT_LIMITS, MediaInfo, MediaKind, MediaLimits
from orchestrator.ports.codec import Frame, Picture, Samples
from orchestrator.ports.inference import Pixels

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def stretch(pixels: Pixels, *, width: int, height: int) -> Pixels:
    """Nearest neighbours: good enough for flat colours."""
    rows = np.arange(height) * pixels.shape[0] // height
    columns = np.arange(width) * pixels.shape[1] // width
    return np.ascontiguousarray(pixels[np.ix_(rows, columns)])


@dataclass
class FakeMedia:
    """Knows the films that a test put in."""

    limits: MediaLimits = DEFAULT_LIMITS
    films: dict[Path, Film] = field(default_factory=dict)
    open_decoders: int = 0

    def put(self, path: Path, film: Film) -> Path:
        self.films[path] = film
        return path

    def probe(self, source: Path) -> MediaInfo:
        film = self._film(source)
        height, width = film.frames[0].shape[:2] if film.frames else (0, 0)
        if film.rotation % 180:
            height, width = width, height
        sound_s = 0 if film.sound is None else len(film.sound) / RATE_HZ
        duration_s = max(len(film.frames) / film.frame_rate, sound_s)
        if duration_s > self.limits.duration_s or width * height > self.limits.frame_pixels:
            raise MediaTooLarge
        if film.frames and film.frame_rate > self.limits.frame_rate:
            raise MediaTooLarge
        return MediaInfo(
            MediaKind.VIDEO if film.frames else MediaKind.AUDIO,
            container="made",
            duration_s=duration_s,
            width=width,
            height=height,
            video_codec="made" if film.frames else "",
            frame_rate=film.frame_rate if film.frames else 0,
            audio_codec="" if film.sound is None else "made",
            sample_rate=0 if film.sound is None else RATE_HZ,
        )

    @contextmanager
    def frames(self, source: Path, *, width: int, height: int) -> Iterator[Iterator[Frame]]:
        film = self._film(source)
        self.open_decoders += 1
        try:
            yield self._frames(film, width=width, height=height)
        finally:
            self.open_decoders -= 1

    @contextmanager
    def frames_at(
        self, source: Path, times_s: Sequence[float], *, width: int, height: int
    ) -> Iterator[Iterator[Frame]]:
        with self.frames(source, width=width, height=height) as decoded:
            frames = list(decoded)
            starts = [frame.time_s for frame in frames]
            yield (frames[max(0, bisect.bisect(starts, time_s + 1e-6) - 1)] for time_s in times_s)

    @contextmanager
    def samples(self, source: Path, *, rate_hz: int) -> Iterator[Iterator[Samples]]:
        sound = self._film(source).sound
        if sound is None:
            raise UnsupportedMedia("no sound")
        times = np.arange(len(sound) * rate_hz // RATE_HZ) / rate_hz
        resampled = np.interp(times, np.arange(len(sound)) / RATE_HZ, sound).astype(np.float32)
        yield (resampled[start : start + 1000] for start in range(0, len(resampled), 1000))

    def _film(self, source: Path) -> Film:
        if source not in self.films:
            raise UnsupportedMedia("not a film that this fake knows")
        return self.films[source]

    def _frames(self, film: Film, *, width: int, height: int) -> Iterator[Frame]:
        if not film.frames:
            raise UnsupportedMedia("no pictures")
        for index, pixels in enumerate(film.frames):
            if index == film.damaged_after:
                raise UnsupportedMedia("damaged", code="decode_failed")
            upright = np.rot90(pixels, film.rotation // 90)
            yield Frame(stretch(upright, width=width, height=height), index / film.frame_rate)


@dataclass(frozen=True)
class FakePictures:
    """Writes arrays behind the signature of a PNG, whatever the suffix says, and reads nothing else."""

    limits: MediaLimits = DEFAULT_LIMITS

    def probe(self, source: Path) -> MediaInfo:
        height, width, _ = self._rgb(source).shape
        if width * height > self.limits.picture_pixels:
            raise MediaTooLarge
        return MediaInfo(MediaKind.PICTURE, container="made", width=width, height=height)

    def decode(self, source: Path) -> Picture:
        self.probe(source)
        with self._arrays(source) as arrays:
            return Picture(arrays["rgb"], arrays.get("alpha"))

    def encode(self, picture: Picture, destination: Path) -> None:
        arrays = {"rgb": picture.rgb}
        if picture.alpha is not None and destination.suffix != ".jpg":
            arrays["alpha"] = picture.alpha
        with io.BytesIO() as file:
            np.savez(file, allow_pickle=False, **arrays)
            destination.write_bytes(SIGNATURE + file.getvalue())

    def resize(self, pixels: Pixels, *, width: int, height: int) -> Pixels:
        return stretch(pixels, width=width, height=height)

    def _rgb(self, source: Path) -> Pixels:
        try:
            with self._arrays(source) as arrays:
                rgb: Pixels = arrays["rgb"]
                return rgb
        except (ValueError, OSError, EOFError, TypeError) as error:
            raise UnsupportedMedia("not a picture that this fake made") from error

    def _arrays(self, source: Path) -> NpzFile:
        arrays: NpzFile = np.load(io.BytesIO(source.read_bytes().removeprefix(SIGNATURE)), allow_pickle=False)
        return arrays
