"""`MediaCodec` by PyAV in a confined process for each call. Nothing here touches the media itself."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from orchestrator.adapters.av_codec.process import decode_failed, decoding
from orchestrator.adapters.av_codec.wire import Ask, Kind, Record, Request
from orchestrator.domain.media import DEFAULT_LIMITS, MediaInfo, MediaLimits
from orchestrator.ports.codec import Frame, Samples

INFO = TypeAdapter(MediaInfo)

# Backstops against a decoder that runs in circles; the budget of the run's stage ends a long film sooner.
PROBE_CPU_S = 10
DECODE_CPU_S = 12 * 3600


@dataclass(frozen=True, slots=True)
class AvCodec:
    """Decodes what ffmpeg's libraries decode, one short-lived process a call."""

    limits: MediaLimits = DEFAULT_LIMITS
    silence_s: float = 30.0

    def probe(self, source: Path) -> MediaInfo:
        with decoding(source, Request(Ask.PROBE, self.limits, PROBE_CPU_S), silence_s=self.silence_s) as records:
            for record in records:
                try:
                    return INFO.validate_json(bytes(record.payload))
                except ValidationError as error:
                    raise decode_failed() from error
        raise decode_failed()

    @contextmanager
    def frames(self, source: Path, *, width: int, height: int) -> Iterator[Iterator[Frame]]:
        request = Request(Ask.FRAMES, self.limits, DECODE_CPU_S, width=width, height=height)
        with decoding(source, request, silence_s=self.silence_s) as records:
            yield (_frame(record, width=width, height=height) for record in records)

    @contextmanager
    def frames_at(
        self, source: Path, times_s: Sequence[float], *, width: int, height: int
    ) -> Iterator[Iterator[Frame]]:
        request = Request(Ask.STILLS, self.limits, DECODE_CPU_S, width=width, height=height, times_s=tuple(times_s))
        with decoding(source, request, silence_s=self.silence_s) as records:
            yield (_frame(record, width=width, height=height) for record in records)

    @contextmanager
    def samples(self, source: Path, *, rate_hz: int) -> Iterator[Iterator[Samples]]:
        with decoding(
            source, Request(Ask.SAMPLES, self.limits, DECODE_CPU_S, rate_hz=rate_hz), silence_s=self.silence_s
        ) as records:
            yield (_samples(record) for record in records)


def _frame(record: Record, *, width: int, height: int) -> Frame:
    if record.kind is not Kind.FRAME or len(record.payload) != width * height * 3:
        raise decode_failed()
    return Frame(np.frombuffer(record.payload, np.uint8).reshape(height, width, 3), record.time_s)


def _samples(record: Record) -> Samples:
    if record.kind is not Kind.SAMPLES or len(record.payload) % 4:
        raise decode_failed()
    return np.clip(np.frombuffer(record.payload, np.float32), -1.0, 1.0)
