"""The program that decodes untrusted media, always in a process of its own: `python -m` this module.

The media is its standard input, so that it is never told a file name; records (`wire`) are its standard output.
"""

import itertools
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict

import av
from av.container import InputContainer

from orchestrator.adapters.av_codec.film import Film, TimedFrame, find_film, rgb_bytes, scaled
from orchestrator.adapters.av_codec.sandbox import confine
from orchestrator.adapters.av_codec.wire import Ask, Kind, Record, Refused, Request, Verdict
from orchestrator.domain.media import MediaInfo, MediaKind

# Demuxers that open no second file or address (stack facts F, media). `fd` is our standard input and nothing else.
FORMATS = "mov,matroska,mpegts,avi,wav,mp3,flac,ogg,aac"
OPTIONS = {"protocol_whitelist": "fd", "format_whitelist": FORMATS}

SAMPLE_BYTES = 4
BLOCK_BYTES = 64 * 1024 * SAMPLE_BYTES


def main() -> None:
    request = Request.parse(sys.argv[1])
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not enter the records
    confine(memory_bytes=request.limits.decode_memory_bytes, cpu_s=request.cpu_s)
    for record in answer(request):
        answers.write(record.header())
        answers.write(record.payload)
    answers.close()


def answer(request: Request) -> Iterator[Record]:
    """The records that answer the request, closed by an end or a verdict. Any other error ends the program."""
    try:
        with open_media() as container:
            _require_few_streams(container, request)
            yield from ANSWERS[request.ask](container, request)
        yield Record(Kind.END)
    except Refused as refused:
        yield Record(Kind.VERDICT, refused.verdict.encode())
    except MemoryError as error:  # also what PyAV makes of ENOMEM
        yield _verdict(Verdict.TOO_HUNGRY, error)
    except av.FFmpegError as error:
        yield _verdict(Verdict.DAMAGED, error)


def open_media() -> InputContainer:
    try:
        return av.open("fd:", "r", options=OPTIONS, metadata_errors="replace")
    except av.FFmpegError as error:
        _note(error)
        raise Refused(Verdict.UNREADABLE) from error


def probe(container: InputContainer, request: Request) -> Iterator[Record]:
    film, sound = find_film(container, request.limits), next(iter(container.streams.audio), None)
    if not film and not sound:
        raise Refused(Verdict.UNREADABLE)
    duration_s = (container.duration or 0) / av.time_base
    if duration_s > request.limits.duration_s:
        raise Refused(Verdict.TOO_LONG)
    info = MediaInfo(
        kind=MediaKind.VIDEO if film else MediaKind.AUDIO,
        container=container.format.name.partition(",")[0],
        duration_s=duration_s,
        audio_codec=sound.codec_context.name if sound else "",
        sample_rate=sound.codec_context.sample_rate if sound else 0,
    )
    shown = _as_displayed(film) if film else {}
    yield Record(Kind.INFO, json.dumps(asdict(info) | shown).encode())


def frames(container: InputContainer, request: Request) -> Iterator[Record]:
    return _rendered(_open_film(container, request).frames(), request)


def stills(container: InputContainer, request: Request) -> Iterator[Record]:
    return _rendered(_open_film(container, request).frames_at(request.times_s), request)


def samples(container: InputContainer, request: Request) -> Iterator[Record]:
    sound = next(iter(container.streams.audio), None)
    if sound is None:
        raise Refused(Verdict.NO_AUDIO)
    resampler = av.AudioResampler(format="flt", layout="mono", rate=request.rate_hz)
    left = int(request.limits.duration_s * request.rate_hz)
    for frame in itertools.chain(container.decode(sound), (None,)):  # None: give what is still inside
        for block in resampler.resample(frame):
            left -= block.samples
            if left < 0:
                raise Refused(Verdict.TOO_LONG)
            sent = bytes(block.planes[0])[: block.samples * SAMPLE_BYTES]
            for start in range(0, len(sent), BLOCK_BYTES):
                yield Record(Kind.SAMPLES, sent[start : start + BLOCK_BYTES])


ANSWERS: Mapping[str, Callable[[InputContainer, Request], Iterator[Record]]] = {
    Ask.PROBE: probe,
    Ask.FRAMES: frames,
    Ask.STILLS: stills,
    Ask.SAMPLES: samples,
}


def _require_few_streams(container: InputContainer, request: Request) -> None:
    if len(container.streams) > request.limits.streams:
        raise Refused(Verdict.TOO_MANY_STREAMS)


def _open_film(container: InputContainer, request: Request) -> Film:
    film = find_film(container, request.limits)
    if film is None:
        raise Refused(Verdict.NO_VIDEO)
    film.use_threads()
    return film


def _rendered(decoded: Iterable[TimedFrame], request: Request) -> Iterator[Record]:
    for frame, time_s in scaled(decoded, width=request.width, height=request.height):
        yield Record(Kind.FRAME, rgb_bytes(frame), time_s)


def _as_displayed(film: Film) -> dict[str, object]:
    """Codec, rate and size as a player shows them. Rotation is known from a decoded frame only."""
    stream = film.stream
    if stream.codec_context.width * stream.codec_context.height > film.limits.frame_pixels:
        raise Refused(Verdict.TOO_WIDE)
    frame, _ = next(film.frames(), (None, 0.0))
    if frame is None:
        raise Refused(Verdict.DAMAGED)
    width, height = round(frame.width * (stream.sample_aspect_ratio or 1)), frame.height
    if frame.rotation % 180:
        width, height = height, width
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    if rate > film.limits.frame_rate:
        raise Refused(Verdict.TOO_FAST)
    return {"width": width, "height": height, "video_codec": stream.codec_context.name, "frame_rate": rate}


def _verdict(verdict: Verdict, error: Exception) -> Record:
    _note(error)
    return Record(Kind.VERDICT, verdict.encode())


def _note(error: Exception) -> None:
    print(repr(error), file=sys.stderr)  # noqa: T201 - standard error is this program's log


if __name__ == "__main__":
    main()
