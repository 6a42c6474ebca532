"""Frames of one video stream inside the decoder process: their times, seeking, and scaling as ffmpeg's command does."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from av.container import InputContainer
from av.filter import Graph
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from orchestrator.adapters.av_codec.wire import Refused, Verdict
from orchestrator.domain.media import MediaLimits

TimedFrame = tuple[VideoFrame, float]

THREADS = min(4, os.cpu_count() or 1)
SEEK_AHEAD_S = 2.0

# How ffmpeg's command turns frames upright: counter-clockwise degrees of the display matrix, to filters.
UPRIGHT: Mapping[int, tuple[tuple[str, str | None], ...]] = {
    90: (("transpose", "cclock"),),
    180: (("hflip", None), ("vflip", None)),
    270: (("transpose", "clock"),),
}


@dataclass(frozen=True, slots=True)
class Film:
    """The first video stream of a file that is not the cover picture of a song."""

    container: InputContainer
    stream: VideoStream
    limits: MediaLimits

    def use_threads(self) -> None:
        """Decode with several threads, which pays for more than a frame or two."""
        self.stream.thread_type = "AUTO"
        self.stream.thread_count = THREADS

    def frames(self) -> Iterator[TimedFrame]:
        """Decoded frames and their times from the start of the film; one without a time has its predecessor's."""
        time_s = 0.0
        for number, frame in enumerate(self.container.decode(self.stream)):
            if frame.pts is not None:
                time_s = (frame.pts - self._start) * self._tick_s
            if time_s > self.limits.duration_s or number >= self.limits.frames:  # whatever the times say
                raise Refused(Verdict.TOO_LONG)
            if frame.width * frame.height > self.limits.frame_pixels:
                raise Refused(Verdict.TOO_WIDE)
            yield frame, time_s

    def frames_at(self, times_s: Iterable[float]) -> Iterator[TimedFrame]:
        """For each time the frame on the screen: the last one that begins at or before it."""
        decoded = self.frames()
        shown = following = next(decoded, None)
        for wanted_s in times_s:
            if following is not None and wanted_s > following[1] + SEEK_AHEAD_S:
                self.container.seek(int(wanted_s / self._tick_s) + self._start, stream=self.stream)
                decoded = self.frames()
                shown = following = next(decoded, None)
            while following is not None and following[1] <= wanted_s + self._tick_s / 2:
                shown, following = following, next(decoded, None)
            if shown is not None:
                yield shown

    @property
    def _start(self) -> int:
        return self.stream.start_time or 0

    @property
    def _tick_s(self) -> float:
        return float(self.stream.time_base or 1)


def find_film(container: InputContainer, limits: MediaLimits) -> Film | None:
    """The film in the file, if there is one."""
    streams = (stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic)
    stream = next(streams, None)
    return None if stream is None else Film(container, stream, limits)


def scaled(decoded: Iterable[TimedFrame], *, width: int, height: int) -> Iterator[TimedFrame]:
    """Upright RGB frames of this size, by the graph that ffmpeg's command builds: other scalers move cuts
    (stack facts H, TransNetV2).
    """
    graph, shape = Graph(), None
    for frame, time_s in decoded:
        if shape != (shape := (frame.width, frame.height, frame.format.name, frame.rotation)):
            graph = _scaler(frame, (("scale", f"{width}:{height}"), ("format", "rgb24"), ("buffersink", None)))
        graph.push(frame)
        yield graph.vpull(), time_s


def _scaler(frame: VideoFrame, filters: tuple[tuple[str, str | None], ...]) -> Graph:
    graph = Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
    upright = UPRIGHT.get(round(frame.rotation / 90) * 90 % 360, ())
    graph.link_nodes(source, *(graph.add(name, arguments) for name, arguments in (*upright, *filters))).configure()
    return graph


def rgb_bytes(frame: VideoFrame) -> bytes:
    """The pixels of an RGB frame without the padding at the end of each line."""
    plane = frame.planes[0]
    lines, stride, width = memoryview(plane), plane.line_size, frame.width * 3
    return b"".join(lines[start : start + width] for start in range(0, frame.height * stride, stride))
