"""Pictures, films and sound, to pixels and samples and back. Media comes from strangers and is never trusted."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from orchestrator.domain.media import MediaInfo
from orchestrator.ports.inference import Pixels

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Picture:
    """``rgb`` is uint8 [H, W, 3] the right way up; ``alpha`` is uint8 [H, W], or None when the picture is opaque."""

    rgb: Pixels
    alpha: Pixels | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded frame: uint8 [H, W, 3] and its time from the start of the film."""

    pixels: Pixels
    time_s: float


class PictureCodec(Protocol):
    """Still pictures: PNG, JPEG and WebP in; PNG, WebP and JPEG out."""

    def probe(self, source: Path) -> MediaInfo:
        """Read the header only.

        Raises:
            UnsupportedMedia: not a PNG, JPEG or WebP picture, or an animation.
            MediaTooLarge: more pixels than the node accepts.
        """
        ...

    def decode(self, source: Path) -> Picture:
        """Decode with EXIF orientation applied and colours as sRGB.

        Raises:
            UnsupportedMedia: the picture is damaged, or as for `probe`.
        """
        ...

    def encode(self, picture: Picture, destination: Path) -> None:
        """Write the picture in the format that the suffix of ``destination`` names (.png, .webp, .jpg).

        PNG keeps every pixel; WebP has quality 95 and keeps the alpha; JPEG has quality 90 and no alpha.
        """
        ...

    def resize(self, pixels: Pixels, *, width: int, height: int) -> Pixels:
        """``pixels`` ([H, W, 3] or [H, W]) at exactly this size: bicubic, averaging when it shrinks."""
        ...


class MediaCodec(Protocol):
    """Films and sound, decoded outside this process under limits of memory, time and reach."""

    def probe(self, source: Path) -> MediaInfo:
        """Open the file and read its streams.

        Raises:
            UnsupportedMedia: nothing here can be decoded.
            MediaTooLarge: longer, faster or with larger frames than the node accepts, or with more streams.
        """
        ...

    def frames(self, source: Path, *, width: int, height: int) -> AbstractContextManager[Iterator[Frame]]:
        """Every frame in display order, scaled to exactly ``width`` × ``height`` as the ffmpeg command scales
        (bicubic, stack facts H, TransNetV2). Leaving the context ends the decoder. Memory is bounded by a few frames.

        Raises:
            UnsupportedMedia: the film cannot be decoded; also in the middle of it (code ``decode_failed``).
        """
        ...

    def frames_at(
        self, source: Path, times_s: Sequence[float], *, width: int, height: int
    ) -> AbstractContextManager[Iterator[Frame]]:
        """The frame shown at each of the ascending ``times_s``: for contact sheets. Otherwise as `frames`."""
        ...

    def samples(self, source: Path, *, rate_hz: int) -> AbstractContextManager[Iterator[Samples]]:
        """The first audio stream as mono float32 blocks in [-1, 1] at ``rate_hz``, of any length each.

        Raises:
            UnsupportedMedia: there is no audio stream, or it cannot be decoded.
        """
        ...
