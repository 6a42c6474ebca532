"""What the decoder process is asked (one JSON argument) and what it answers (records on its standard output).

Read by both sides, so it imports nothing heavy. A record is a header (kind, time, payload size) and its payload.
"""

import json
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum, StrEnum

from orchestrator.domain.media import MediaLimits

HEADER = struct.Struct("<BdI")


class Ask(StrEnum):
    """What the decoder can do."""

    PROBE = "probe"
    FRAMES = "frames"
    STILLS = "stills"
    SAMPLES = "samples"


class Kind(IntEnum):
    """What a record carries: JSON of `MediaInfo`, RGB bytes, float32 samples, a `Verdict`, or nothing more to come."""

    INFO = 1
    FRAME = 2
    SAMPLES = 3
    VERDICT = 4
    END = 5


class Verdict(StrEnum):
    """Why the decoder refuses a file. Only these words cross the pipe: what a stranger's file says never does."""

    UNREADABLE = "unreadable"
    DAMAGED = "damaged"
    NO_VIDEO = "no_video"
    NO_AUDIO = "no_audio"
    TOO_LONG = "too_long"
    TOO_WIDE = "too_wide"
    TOO_HUNGRY = "too_hungry"
    TOO_FAST = "too_fast"
    TOO_MANY_STREAMS = "too_many_streams"


class Refused(Exception):
    """Raised inside the decoder: the file cannot be served, and the verdict is all that the parent hears."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict)
        self.verdict = verdict


@dataclass(frozen=True, slots=True)
class Request:
    """One run of the decoder; the media itself is its standard input."""

    ask: Ask
    limits: MediaLimits
    cpu_s: int
    width: int = 0
    height: int = 0
    rate_hz: int = 0
    times_s: Sequence[float] = ()

    def render(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str) -> "Request":
        fields = json.loads(text)
        return cls(**fields | {"limits": MediaLimits(**fields["limits"])})


@dataclass(frozen=True, slots=True)
class Record:
    """One answer of the decoder. ``time_s`` is set on frames only."""

    kind: Kind
    payload: bytes | bytearray | memoryview = b""
    time_s: float = 0.0

    def header(self) -> bytes:
        return HEADER.pack(self.kind, self.time_s, len(self.payload))
