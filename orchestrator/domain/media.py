"""What is known of a piece of media before any GPU time is spent on it, and the limits it must keep."""

from dataclasses import dataclass
from enum import StrEnum


class MediaKind(StrEnum):
    """What a task type accepts."""

    PICTURE = "picture"
    VIDEO = "video"
    AUDIO = "audio"


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

    @property
    def has_audio(self) -> bool:
        return bool(self.audio_codec)


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """What this node decodes at most. Pixels are width × height of one picture or frame."""

    size_bytes: int = 8 * 1024**3
    picture_pixels: int = 64_000_000
    frame_pixels: int = 8192 * 4320
    duration_s: float = 6 * 3600.0
    decode_memory_bytes: int = 2 * 1024**3


DEFAULT_LIMITS = MediaLimits()
