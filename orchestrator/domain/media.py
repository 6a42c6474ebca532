"""What is known of a piece of media before any GPU time is spent on it, and the limits it must keep."""

from dataclasses import dataclass
from enum import StrEnum


class MediaKind(StrEnum):
    """What a task type accepts."""

    PICTURE = "picture"
    VIDEO = "video"
    AUDIO = "audio"
    TENSORS = "tensors"


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """The outcome of a probe. Absent streams have zero sizes and no codec. Sizes are as displayed."""

    kind: MediaKind
    container: str
    duration_s: float = 0.0
    width: int = 0
    height: int = 0
    video_codec: str = ""
    frame_rate: float = 0.0
    audio_codec: str = ""
    sample_rate: int = 0


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """What this node decodes at most. Pixels are width × height of one picture or frame."""

    size_bytes: int = 8 * 1024**3
    picture_bytes: int = 256 * 1024**2
    picture_pixels: int = 64_000_000
    frame_pixels: int = 8192 * 4320
    frame_rate: float = 240.0
    streams: int = 64
    duration_s: float = 6 * 3600.0
    decode_memory_bytes: int = 2 * 1024**3

    @property
    def frames(self) -> int:
        """More of them no honest film has, whatever times its frames claim."""
        return int(self.duration_s * self.frame_rate)

    def bytes_of(self, accepts: frozenset[MediaKind]) -> int:
        """The largest file for a task type that accepts these kinds."""
        return self.picture_bytes if accepts <= {MediaKind.PICTURE, MediaKind.TENSORS} else self.size_bytes


DEFAULT_LIMITS = MediaLimits()


def size_of(info: MediaInfo | None, size_bytes: int) -> str:
    """The power of two that the pixels of all frames reach, or the bytes of what has none."""
    frames = max(1, round((info.duration_s * info.frame_rate) if info else 1))
    pixels = info.width * info.height * frames if info else 0
    return f"2^{pixels.bit_length()} pixels" if pixels else f"2^{size_bytes.bit_length()} bytes"
